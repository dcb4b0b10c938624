// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

/// What callers were told is done.
struct acknowledged {
  bool organization = false;
  std::map<std::string, memory> memories;
  std::vector<memory_id> deleted;
  std::vector<std::string> erased;
  /// Sessions that cannot be there any more after a start.
  std::vector<std::string> ended;
};

/// Opens sessions of both kinds, and ends some of them.
void use_sessions(const organization& acme, acknowledged& told) {
  auto agent = acme.client("agent_s").value();
  for (auto resumable : {false, true})
    for (auto ends : {false, true}) {
      auto run = agent.open_session({.resumable = resumable});
      if (run.has_error())
        continue;
      auto path = std::string{run->scope().path()}.substr(9);
      auto content = path + " x";
      auto made = (*run)->create_memory(draft(content));
      static_cast<void>((*run)->list_memories());
      run->detach();
      if (ends) {
        auto closed = run->close();
        // It has ended whether that could be written down or not; of a
        // resumable one it is known when it was said.
        if (closed || !resumable || closed.error().code == errc::erased)
          told.ended.push_back(path);
      } else if (!resumable) {
        told.ended.push_back(path);
      } else if (made) {
        told.memories[content] = *made;
      }
    }
  auto below = acme.client("team_t/user_gone")->open_session();
  if (below)
    below->detach();
}

/// Erases a scope with others below, again where it failed, and then one above
/// another that is being erased.
void erase_some(const organization& acme, acknowledged& told) {
  for (auto name : {"team_t/user_gone", "team_t/user_gone/agent_a",
                    "team_x/user_p/agent_q", "team_x/user_r"})
    static_cast<void>(acme.client(name)->create_memory(draft("secret")));
  for (auto name : {"team_t/user_gone", "team_x/user_p", "team_x"}) {
    auto done = acme.client(name)->erase_scope();
    if (done.has_error())
      done = acme.client(name)->erase_scope();
    if (done || done.error().code == errc::erased)
      told.erased.push_back(name);
    // Whoever takes a slot that became free must keep it.
    auto taker = "user_after_" + std::to_string(told.memories.size());
    auto made = acme.client(taker)->create_memory(draft(taker + " x"));
    if (made)
      told.memories[taker + " x"] = *made;
  }
}

/// A short life of a store: several scopes, every kind of change. Goes on after
/// failures, as callers do.
void live(const runtime& opened, acknowledged& told) {
  auto acme = opened.organization("org_acme");
  if (acme.has_error())
    return;
  told.organization = true;
  for (auto user : {"user_a", "team_t/user_b"}) {
    auto who = acme->client(user).value();
    for (int i = 0; i < 3; ++i) {
      auto content = std::string{user} + ' ' + std::to_string(i);
      auto made = who.create_memory(draft(content));
      if (made)
        told.memories[content] = *made;
    }
    auto first = told.memories.find(std::string{user} + " 0");
    if (first != told.memories.end()) {
      memory_patch patch;
      patch.memory_type = "changed";
      auto changed = who.update_memory(first->second.id, patch);
      if (changed)
        first->second = *changed;
      else
        told.memories.erase(first);
    }
    auto last = told.memories.find(std::string{user} + " 2");
    if (last != told.memories.end()) {
      auto gone = who.delete_memory(last->second.id);
      if (gone)
        told.deleted.push_back(last->second.id);
      told.memories.erase(last);
    }
    static_cast<void>(who.list_memories());
    static_cast<void>(
      acme->create_key({.root = user, .permissions = permissions::read}));
  }
  use_sessions(*acme, told);
  erase_some(*acme, told);
}

/// Everything acknowledged is there, nothing is half there, chains verify.
void check(const test_node& node, const acknowledged& told) {
  auto opened = test_node{node}.open();
  // A runtime that gives back what was erased closes when that is done.
  eventually([&] {
    auto held = opened.has_error() && opened.error().retry_after.count() > 0;
    if (held)
      opened = test_node{node}.open();
    return !held;
  });
  INFO((opened ? std::string{} : opened.error().detail));
  REQUIRE(opened.has_value());
  auto acme = opened->organization("org_acme");
  REQUIRE(acme.has_value());
  for (const auto& [content, made] : told.memories) {
    auto user = content.substr(0, content.find(' '));
    INFO(content);
    auto found = acme->client(user)->get_memory(made.id);
    INFO((found ? std::string{} : found.error().detail));
    REQUIRE(found.has_value());
    CHECK(*found == made);
  }
  for (const auto& id : told.deleted)
    for (auto user : {"user_a", "team_t/user_b"})
      CHECK(acme->client(user)->get_memory(id).error().code == errc::not_found);
  // What was begun is finished, or was not begun.
  for (auto name : {"team_t/user_gone", "team_t/user_gone/agent_a",
                    "team_x/user_p", "team_x", "team_x/user_r"}) {
    auto gone = acme->client(name)->list_memories();
    INFO(name << (gone ? std::string{" is still there"} : gone.error().detail));
    auto must = std::any_of(told.erased.begin(), told.erased.end(),
                            [&](const auto& each) {
                              return std::string_view{name}.starts_with(each);
                            });
    if (must || gone.has_error())
      CHECK(gone.error().code == errc::erased);
  }
  for (const auto& path : told.ended)
    CHECK(acme->client(path)->list_memories().error().code == errc::erased);
  for (const auto& each : acme->client("")->list_sessions().value())
    CHECK(each.resumable);
  CHECK(eventually([&] { return has_finished_erasures(*opened); }));
  CHECK(damages_of(*opened) == "");
  auto report = opened->verify_all().value();
  INFO(report.first_broken << ": " << report.reason);
  CHECK(report.intact);
  CHECK(acme->client("user_a")->create_memory(draft("after")).has_value());
}

std::uint64_t calls_of_a_life() {
  test_node node;
  node.files->plan(0, fault::fail);
  acknowledged told;
  {
    auto opened = node.open_or_fail();
    live(opened, told);
  }
  REQUIRE(told.memories.size() == 8);
  REQUIRE(told.ended.size() == 3);
  return node.files->calls();
}

/// The short mode looks at every few calls, with another phase for each fault.
void for_calls(std::uint64_t calls, std::uint64_t phase,
               const std::function<void(std::uint64_t)>& run) {
  std::uint64_t stride = long_mode() ? 1 : 5;
  for (auto call = 1 + phase % stride; call <= calls; call += stride) {
    INFO("call " << call << " of " << calls);
    run(call);
  }
}

} // namespace

TEST_CASE("power may go at any call", "[faults]") {
  for_calls(calls_of_a_life(), 0, [](std::uint64_t call) {
    test_node node;
    node.files->plan(call, fault::power_loss);
    acknowledged told;
    if (auto opened = node.open())
      live(*opened, told);
    check(test_node{node, node.files->after_power_loss()}, told);
  });
}

TEST_CASE("a process may be killed at any call", "[faults]") {
  for_calls(calls_of_a_life(), 1, [](std::uint64_t call) {
    test_node node;
    node.files->plan(call, fault::power_loss);
    acknowledged told;
    if (auto opened = node.open())
      live(*opened, told);
    check(test_node{node, node.files->after_kill()}, told);
  });
}

TEST_CASE("any one call may fail or tear", "[faults]") {
  for (auto what : {fault::fail, fault::tear})
    for_calls(calls_of_a_life(), what == fault::fail ? 2 : 3,
              [what](std::uint64_t call) {
                test_node node;
                node.files->plan(call, what);
                acknowledged told;
                if (auto opened = node.open())
                  live(*opened, told);
                node.files->plan(0, what);
                check(node, told);
              });
}

TEST_CASE("the disk may be full from any call on", "[faults]") {
  for_calls(calls_of_a_life(), 4, [](std::uint64_t call) {
    test_node node;
    node.files->plan(call, fault::no_space);
    acknowledged told;
    if (auto opened = node.open())
      live(*opened, told);
    // This life may have ended before the call.
    node.files->plan(0, fault::fail);
    node.files->free_up();
    check(node, told);
  });
}
