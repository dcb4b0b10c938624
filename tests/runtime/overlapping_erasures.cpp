// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <random>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

/// Runs work on several threads at once.
template <class Work>
void at_once(int threads, Work work) {
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i)
    running.emplace_back([i, &work] { work(i); });
  for (auto& each : running)
    each.join();
}

} // namespace

TEST_CASE("erasures of one tree from many sides leave the others whole",
          "[runtime][erasure]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  std::map<std::string, memory> kept;
  std::mutex guard;
  std::atomic<int> odd{0};
  auto rounds = long_mode() ? 300 : 12;
  for (int round = 0; round < rounds; ++round) {
    auto team = "team_" + std::to_string(round);
    std::vector<std::string> names{team};
    for (int i = 0; i < 3; ++i) {
      names.push_back(team + "/user_" + std::to_string(i));
      names.push_back(names.back() + "/agent_a");
    }
    // Every other time with all copies, which somebody outside has.
    erase_options how{.with_shared_copies = round % 2 == 1};
    auto outside = "team_outside/user_" + std::to_string(round);
    for (const auto& name : names) {
      auto made = acme.client(name)->create_memory(draft("x")).value();
      acme.client(name)->share_memory(made.id, outside).value();
    }
    at_once(6, [&](int which) {
      std::mt19937_64 random{seed()
                             + static_cast<std::uint64_t>(round * 6 + which)};
      for (int i = 0; i < 6; ++i) {
        const auto& name = names[random() % names.size()];
        auto done = acme.client(name)->erase_scope(how);
        auto code = done ? errc::ok : done.error().code;
        if (code != errc::ok && code != errc::erased
            && code != errc::unavailable)
          ++odd;
        auto neighbour = "user_" + std::to_string(round) + "-"
                         + std::to_string(which) + "-" + std::to_string(i);
        auto made = acme.client(neighbour)->create_memory(draft(neighbour));
        std::lock_guard locked{guard};
        if (made)
          kept.emplace(neighbour, *made);
        else
          ++odd;
      }
    });
    REQUIRE(eventually([&] {
      auto done = acme.client(team)->erase_scope(how);
      return done || done.error().code == errc::erased;
    }));
    CHECK(acme.client(outside)->list_memories()->results.size()
          == (how.with_shared_copies ? 0 : names.size()));
  }
  CHECK(odd == 0);
  CHECK(eventually([&] { return has_finished_erasures(opened); }));
  for (const auto& [name, made] : kept)
    CHECK(acme.client(name)->get_memory(made.id).value() == made);
  auto report = opened.verify_all().value();
  INFO(report.first_broken << ": " << report.reason);
  CHECK(report.intact);
  CHECK(damages_of(opened) == "");
}

TEST_CASE("chains verify while scopes come and go", "[runtime][erasure]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  acme.client("team_a/user_stays")->create_memory(draft("x")).value();
  std::atomic<bool> done{false};
  std::atomic<int> broken{0};
  int verified = 0;
  std::thread verifying{[&] {
    for (; !done || verified < 3; ++verified) {
      auto report = opened.verify_all();
      if (!report || !report->intact) {
        ++broken;
        UNSCOPED_INFO((report ? report->first_broken + ": " + report->reason
                              : report.error().detail));
      }
    }
  }};
  auto erasures = long_mode() ? 300 : 60;
  at_once(3, [&](int which) {
    for (int i = 0; i < erasures; ++i) {
      auto name
        = "team_a/user_" + std::to_string(which) + "-" + std::to_string(i);
      acme.client(name + "/agent_b")->create_memory(draft("x")).value();
      acme.client(name)->erase_scope().value();
    }
  });
  done = true;
  verifying.join();
  CHECK(broken == 0);
  CHECK(opened.verify_all().value().intact);
}

TEST_CASE("a store that fails in the middle of an erasure is the callers' to "
          "retry, and nobody's to read",
          "[runtime][erasure]") {
  // Each changing call of the erasure fails once; the process goes on.
  for (std::uint64_t call = 1; call < 40; ++call) {
    test_node node;
    auto opened = node.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    auto gone = acme.client("team_a/user_gone").value();
    gone.create_memory(draft("x")).value();
    acme.client("team_a/user_gone/agent_a")->create_memory(draft("y")).value();
    auto bob = acme.client("team_a/user_bob").value();
    auto kept = bob.create_memory(draft("bob's")).value();
    node.files->plan(call, fault::fail);
    auto first = gone.erase_scope();
    INFO("call " << call << ": "
                 << (first ? std::string{"done"} : first.error().detail));
    // Several callers that do not pause leave what goes on by itself its turn.
    std::atomic<int> waiting{0};
    at_once(3, [&](int) {
      if (!eventually([&] {
            auto again = gone.erase_scope();
            return again || again.error().code == errc::erased;
          }))
        ++waiting;
    });
    CHECK(waiting == 0);
    CHECK(gone.list_memories().error().code == errc::erased);
    CHECK(eventually([&] { return has_finished_erasures(opened); }));
    // What takes the slots keeps them, also when the team goes.
    for (auto name : {"user_c", "user_d", "team_a/user_e"})
      CHECK(eventually([&] {
        return acme.client(name)->create_memory(draft(name)).has_value();
      }));
    CHECK(bob.get_memory(kept.id).value() == kept);
    CHECK(eventually([&] {
      auto done = acme.client("team_a")->erase_scope();
      return done || done.error().code == errc::erased;
    }));
    for (auto name : {"user_c", "user_d"})
      CHECK(acme.client(name)->list_memories()->results.size() >= 1);
    CHECK(eventually([&] { return has_finished_erasures(opened); }));
    auto report = opened.verify_all().value();
    INFO(report.first_broken << ": " << report.reason);
    CHECK(report.intact);
    CHECK(damages_of(opened) == "");
  }
}

TEST_CASE("what is acknowledged after an erasure failed is there after a "
          "restart",
          "[runtime][erasure]") {
  for (auto how : {fault::fail, fault::tear})
    for (std::uint64_t call = 1; call < 14; ++call) {
      test_node node;
      std::optional<memory> later;
      {
        auto opened = node.open_or_fail();
        auto acme = opened.organization("org_acme").value();
        auto gone = acme.client("team_a/user_gone").value();
        gone.create_memory(draft("x")).value();
        node.files->plan(call, how);
        auto done = gone.erase_scope();
        // Nobody asks again; either it is finished or it was not begun.
        CHECK(eventually([&] {
          auto made = gone.create_memory(draft("later"));
          if (made)
            later = *made;
          return made || made.error().code == errc::erased;
        }));
        INFO("call " << call << (done ? " done" : " failed"));
        CHECK_FALSE((done && later));
      }
      auto opened = node.open_or_fail();
      auto acme = opened.organization("org_acme").value();
      auto gone = acme.client("team_a/user_gone").value();
      INFO("call " << call);
      if (later)
        CHECK(gone.get_memory(later->id).value() == *later);
      else
        CHECK(gone.list_memories().error().code == errc::erased);
      CHECK(eventually([&] { return has_finished_erasures(opened); }));
      CHECK(opened.verify_all().value().intact);
      CHECK(damages_of(opened) == "");
    }
}
