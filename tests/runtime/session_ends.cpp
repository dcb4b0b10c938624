// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Every way in which a session can end.

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

bool is_over(const client& of) {
  auto read = of.list_memories();
  return read.has_error() && read.error().code == errc::erased;
}

std::string why_over(const client& of) {
  return of.list_memories().error().detail;
}

/// What the trail of a scope says of the ends of sessions, newest first.
std::vector<std::string> ends_in(const client& above) {
  std::vector<std::string> out;
  for (const auto& line :
       above.list_audit({.operation = "session.end"}).value().results)
    out.push_back(line.reason);
  return out;
}

bool knows(const client& above, const std::string& reason) {
  return eventually([&] {
    auto ends = ends_in(above);
    return std::find(ends.begin(), ends.end(), reason) != ends.end();
  });
}

struct ending_world {
  test_node node;
  runtime opened = node.open_or_fail();
  organization acme = opened.organization("org_acme").value();
  client planner = acme.client("agent_planner").value();
};

} // namespace

TEST_CASE("a session that is not used ends at its idle timeout", "[session]") {
  ending_world w;
  auto resumable = GENERATE(false, true);
  auto run
    = w.planner.open_session({.resumable = resumable, .idle_timeout = 10min})
        .value();
  for (int i = 0; i < 5; ++i) {
    w.node.time->advance(9min);
    w.opened.sweep();
    CHECK(run->create_memory(draft("used")).has_value());
  }
  w.node.time->advance(10min - 1ms);
  CHECK(run->list_memories().has_value());
  w.node.time->advance(10min);
  // At that instant, whether anybody has looked or not.
  CHECK(is_over(run.memories()));
  CHECK(why_over(run.memories()).find("idle timeout") != std::string::npos);
  w.opened.sweep();
  CHECK(eventually([&] { return w.planner.list_sessions()->empty(); }));
  if (!resumable)
    CHECK(knows(w.planner, "idle timeout"));
  CHECK(run.close().error().code == errc::erased);
  CHECK(w.opened.verify_all()->intact);
}

TEST_CASE("a session ends at its absolute timeout, however it is used",
          "[session]") {
  ending_world w;
  auto resumable = GENERATE(false, true);
  auto run = w.planner
               .open_session({.resumable = resumable,
                              .idle_timeout = 10min,
                              .absolute_timeout = 15min})
               .value();
  w.node.time->advance(9min);
  CHECK(run->create_memory(draft("used")).has_value());
  CHECK(run.renew().has_value());
  w.node.time->advance(6min);
  CHECK(is_over(run.memories()));
  CHECK(why_over(run.memories()).find("absolute timeout") != std::string::npos);
  w.opened.sweep();
  if (!resumable)
    CHECK(knows(w.planner, "absolute timeout"));
}

TEST_CASE("a session ends when its lease is not renewed", "[session]") {
  ending_world w;
  auto resumable = GENERATE(false, true);
  auto run
    = w.planner.open_session({.resumable = resumable, .lease = 1min}).value();
  for (int i = 0; i < 3; ++i) {
    w.node.time->advance(50s);
    CHECK(run.renew().value().expires_at == w.node.time->now() + 1min);
  }
  w.node.time->advance(50s);
  // Using it is not enough.
  CHECK(run->create_memory(draft("used")).has_value());
  w.node.time->advance(10s);
  CHECK(is_over(run.memories()));
  CHECK(run.renew().error().code == errc::erased);
  w.opened.sweep();
  if (!resumable)
    CHECK(knows(w.planner, "lease not renewed"));
}

TEST_CASE("a session ends with its handle", "[session]") {
  ending_world w;
  std::optional<client> left;
  {
    auto run = w.planner.open_session().value();
    run->create_memory(draft("x")).value();
    left = run.memories();
  }
  CHECK(eventually([&] { return is_over(*left); }));
  CHECK(knows(w.planner, "its handle went out of scope"));
  {
    auto run = w.planner.open_session().value();
    left = run.memories();
    run.detach();
  }
  CHECK(left->create_memory(draft("still there")).has_value());
  left->end_session().value();
  CHECK(is_over(*left));
}

TEST_CASE("whoever watches a session is told once why it ended", "[session]") {
  ending_world w;
  auto run = w.planner.open_session({.idle_timeout = 1min}).value();
  std::atomic<int> told{0};
  std::mutex mutex;
  std::string reason;
  auto watcher = [&](const std::string& why) {
    std::lock_guard guard{mutex};
    reason = why;
    ++told;
  };
  run.on_end(watcher);
  w.node.time->advance(1min);
  w.opened.sweep();
  CHECK(eventually([&] { return told == 1; }));
  CHECK(reason == "idle timeout");
  run.on_end(watcher);
  CHECK(eventually([&] { return told == 2; }));
}

TEST_CASE("ephemeral sessions end with the runtime, and resumable ones go on "
          "with what is left of their time",
          "[session]") {
  test_node node;
  std::string ephemeral;
  std::string resumable;
  std::string forgotten;
  {
    auto runtime = node.open_or_fail();
    auto planner
      = runtime.organization("org_acme")->client("agent_planner").value();
    auto a = planner.open_session().value();
    a->create_memory(draft("vanishes")).value();
    auto b = planner.open_session({.resumable = true, .idle_timeout = 10min})
               .value();
    b->create_memory(draft("stays")).value();
    auto c
      = planner.open_session({.resumable = true, .absolute_timeout = 12min})
          .value();
    ephemeral = a.scope().path();
    resumable = b.scope().path();
    forgotten = c.scope().path();
    node.time->advance(6min);
    b->create_memory(draft("stays, too")).value();
    a.detach();
    b.detach();
    c.detach();
  }
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto planner = acme.client("agent_planner").value();
  CHECK(ends_in(planner) == std::vector<std::string>{"the runtime closed"});
  auto a = acme.client(ephemeral).value();
  CHECK(is_over(a));
  auto b = acme.client(resumable).value();
  node.time->advance(6min);
  CHECK(is_over(acme.client(forgotten).value()));
  CHECK(b.list_memories()->results.size() == 2);
  node.time->advance(10min);
  CHECK(is_over(b));
  runtime.sweep();
  CHECK(eventually([&] { return planner.list_sessions()->empty(); }));
  CHECK(runtime.verify_all()->intact);
  CHECK(damages_of(runtime).empty());
}

TEST_CASE("sessions end with the scope above them", "[session]") {
  ending_world w;
  auto a = w.planner.open_session().value();
  auto b = w.planner.open_session({.resumable = true}).value();
  a->create_memory(draft("x")).value();
  b->create_memory(draft("x")).value();
  auto receipt = w.planner.erase_scope().value();
  CHECK(receipt.scopes == 3);
  CHECK(receipt.memories == 2);
  CHECK(is_over(a.memories()));
  CHECK(is_over(b.memories()));
  CHECK(w.acme.client("")->list_sessions()->empty());
  CHECK(w.planner.open_session().error().code == errc::erased);
  CHECK(w.opened.verify_all()->intact);
  CHECK(eventually([&] { return has_finished_erasures(w.opened); }));
  CHECK(damages_of(w.opened).empty());
}

TEST_CASE("a session whose engine fails ends, and others do not notice",
          "[session]") {
  test_node node;
  node.options.before_operation = [](const scope& where, auth::operation what) {
    if (where.kind() == scope_kind::session
        && what == auth::operation::memory_history)
      throw std::runtime_error{"for a test"};
  };
  auto runtime = node.open_or_fail();
  auto planner
    = runtime.organization("org_acme")->client("agent_planner").value();
  auto a = planner.open_session().value();
  auto b = planner.open_session().value();
  auto id = a->create_memory(draft("x")).value().id;
  b->create_memory(draft("x")).value();
  CHECK(a->memory_history(id).error().code == errc::unavailable);
  CHECK(eventually([&] { return is_over(a.memories()); }));
  CHECK(b->list_memories()->results.size() == 1);
  runtime.sweep();
  CHECK(knows(planner, "it failed"));
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("what expires in a session goes, also from an ephemeral one",
          "[session]") {
  ending_world w;
  auto run = w.planner.open_session().value();
  auto soon = draft("soon gone");
  soon.expires_at = w.node.time->now() + 1min;
  auto later = draft("later gone");
  later.expires_at = w.node.time->now() + 2min;
  run->create_memory(soon).value();
  run->create_memory(later).value();
  run->create_memory(draft("stays")).value();
  w.node.time->advance(1min);
  CHECK(run->list_memories()->results.size() == 2);
  w.opened.sweep();
  CHECK(eventually([&] { return run->show_scope()->memories == 2; }));
  w.node.time->advance(1min);
  w.opened.sweep();
  CHECK(eventually([&] { return run->show_scope()->memories == 1; }));
}
