// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Sessions while the disk fails, actors crash, and others are quicker.

#include <catch2/catch.hpp>
#include <thread>

#include "persistence/session_record.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

const engine::session_table& table_of(const runtime& of) {
  return *gateway_of(of).services().sessions;
}

std::size_t listed_in_store(const runtime& of) {
  const auto& with = gateway_of(of).services();
  return persistence::list_sessions(with.catalog.node(), with.records)->size();
}

std::size_t places(const runtime& of) {
  return table_of(of).of_organization(scope::parse("org_acme").value());
}

/// Looks after sessions until nothing is left of any.
bool settles(const runtime& of) {
  return eventually([&] {
    of.sweep();
    return table_of(of).size() == 0 && places(of) == 0
           && listed_in_store(of) == 0;
  });
}

std::string broken(const runtime& of) {
  auto report = of.verify_all().value();
  return report.intact ? "" : report.first_broken + ": " + report.reason;
}

std::size_t refused_ends(const client& above) {
  std::size_t count = 0;
  for (const auto& line :
       above.list_audit({.limit = 1000, .operation = "session.end"})
         .value()
         .results)
    count += line.outcome != "ok" ? 1u : 0u;
  return count;
}

/// An engine throws at an operation of a kind of scope.
auto throwing_at(scope_kind kind, auth::operation at) {
  return [kind, at](const scope& where, auth::operation what) {
    if (where.kind() == kind && what == at)
      throw std::runtime_error{"for a test"};
  };
}

} // namespace

TEST_CASE("a session that others end at once is not used after that",
          "[session]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto planner
    = runtime.organization("org_acme")->client("agent_planner").value();
  std::atomic<bool> done{false};
  std::thread ender{[&] {
    while (!done || table_of(runtime).size() > 0)
      for (const auto& each : planner.list_sessions().value())
        static_cast<void>(planner.end_session(each.scope.path()));
  }};
  std::vector<session> opened;
  for (int i = 0; i < 100; ++i) {
    auto run = planner.open_session();
    CHECK(run.has_value());
    if (run)
      opened.push_back(std::move(*run));
  }
  done = true;
  ender.join();
  for (auto& each : opened)
    CHECK(each->create_memory(draft("after the end")).error().code
          == errc::erased);
  CHECK(settles(runtime));
  CHECK(broken(runtime) == "");
}

TEST_CASE("a first write that fails leaves nothing behind in the list",
          "[session]") {
  for (std::uint64_t call = 1; call < 12; ++call) {
    INFO("call " << call);
    test_node node;
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    acme.client("")->create_memory(draft("x")).value();
    auto bound = acme.client("session_42").value();
    node.files->plan(call, fault::fail);
    REQUIRE(eventually(
      [&] { return bound.create_memory(draft("opened")).has_value(); }));
    CHECK(places(runtime) == 1);
    CHECK(eventually([&] {
      runtime.sweep();
      return listed_in_store(runtime) == 1 && table_of(runtime).size() == 1;
    }));
    CHECK(bound.end_session().has_value());
    CHECK(settles(runtime));
    CHECK(broken(runtime) == "");
  }
}

TEST_CASE("an end goes on when the key that asked for it has expired",
          "[session]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  acme.client("agent_planner")->create_memory(draft("x")).value();
  auto resumable = GENERATE(false, true);
  INFO("resumable " << resumable);
  auto key = acme.create_key(
    {.root = "agent_planner", .expires_at = node.time->now() + 10min});
  auto run = runtime.client(key->api_key)
               ->open_session({.resumable = resumable})
               .value();
  run->create_memory(draft("x")).value();
  node.files->plan(1, fault::no_space);
  CHECK(run.close().has_error());
  node.time->advance(11min);
  node.files->free_up();
  CHECK(settles(runtime));
  CHECK(refused_ends(acme.client("").value()) <= 1);
  CHECK(broken(runtime) == "");
  test_node fresh{node, node.files->after_kill()};
  auto again = fresh.open_or_fail();
  auto left = again.organization("org_acme")->client(run.scope().path());
  CHECK(left->list_memories().error().code == errc::erased);
}

TEST_CASE("a quarantined scope with an open session can be erased",
          "[session]") {
  test_node node;
  node.options.before_operation
    = throwing_at(scope_kind::agent, auth::operation::memory_history);
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto planner = acme.client("agent_planner").value();
  auto id = planner.create_memory(draft("x")).value().id;
  auto run = planner.open_session().value();
  run->create_memory(draft("x")).value();
  CHECK(eventually([&] {
    node.time->advance(1min);
    return planner.memory_history(id).error().code == errc::quarantined;
  }));
  CHECK(planner.erase_scope().has_value());
  CHECK(run->list_memories().error().code == errc::erased);
  CHECK(settles(runtime));
  CHECK(broken(runtime) == "");
}

TEST_CASE("sessions are forgotten with a scope whose erasure goes on by itself",
          "[session]") {
  for (std::uint64_t call = 1; call < 25; ++call) {
    INFO("call " << call);
    test_node node;
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    acme.client("agent_planner/session_1")->create_memory(draft("x")).value();
    auto planner = acme.client("agent_planner").value();
    auto run = planner.open_session().value();
    run->create_memory(draft("x")).value();
    node.files->plan(call, fault::fail);
    static_cast<void>(planner.erase_scope());
    // It has begun and goes on, or it has not and is done again.
    CHECK(eventually([&] {
      auto again = planner.erase_scope();
      return again || again.error().code == errc::erased;
    }));
    CHECK(eventually([&] { return has_finished_erasures(runtime); }));
    auto settled = settles(runtime);
    for (const auto& each : table_of(runtime).all())
      WARN(each->name().path() << ' ' << to_string(each->ended()));
    INFO("places " << places(runtime) << ", in the store "
                   << listed_in_store(runtime));
    CHECK(settled);
    CHECK(broken(runtime) == "");
    CHECK(damages_of(runtime) == "");
  }
}

TEST_CASE("a scope that crashes while sessions are opened below leaves none",
          "[session]") {
  test_node node;
  node.options.before_operation
    = throwing_at(scope_kind::agent, auth::operation::memory_history);
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  std::mutex mutex;
  std::vector<session> opened;
  std::atomic<int> answered{0};
  constexpr int agents = 30;
  for (int i = 0; i < agents; ++i) {
    auto agent = acme.client("agent_" + std::to_string(i)).value();
    auto id = agent.create_memory(draft("x")).value().id;
    agent.open_session({.resumable = i % 2 == 0}, [&](result<session> done) {
      std::lock_guard guard{mutex};
      if (done)
        opened.push_back(std::move(*done));
      ++answered;
    });
    agent.memory_history(id, [](result<std::vector<memory>>) {});
  }
  REQUIRE(eventually([&] { return answered == agents; }));
  opened.clear();
  // Scopes that crashed are read again after a pause.
  CHECK(eventually([&] {
    node.time->advance(1s);
    runtime.sweep();
    return table_of(runtime).size() == 0 && places(runtime) == 0;
  }));
  CHECK(listed_in_store(runtime) == 0);
  CHECK(broken(runtime) == "");
}

TEST_CASE("the core may die under sessions", "[session]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  std::atomic<bool> done{false};
  std::atomic<int> cycles{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      auto agent = acme.client("agent_" + std::to_string(t)).value();
      for (int i = 0; !done; ++i) {
        auto run = agent.open_session({.resumable = i % 3 == 0});
        ++cycles;
        if (!run)
          continue;
        static_cast<void>((*run)->create_memory(draft("x")));
        if (i % 2 == 0)
          static_cast<void>(run->close());
      }
    });
  auto kills = long_mode() ? 30 : 4;
  for (int i = 0; i < kills; ++i) {
    auto before = cycles.load();
    eventually([&] { return cycles > before + 20; });
    gateway_of(runtime).kill_core_for_tests(i);
  }
  done = true;
  for (auto& each : threads)
    each.join();
  CHECK(settles(runtime));
  CHECK(eventually([&] { return broken(runtime) == ""; }));
  CHECK(damages_of(runtime) == "");
}

TEST_CASE("an end whose outcome was unknown keeps the whole audit chain",
          "[session]") {
  std::uint64_t whole = 0;
  for (std::uint64_t call = 0; call < 10; ++call) {
    INFO("call " << call);
    test_node node;
    node.options.before_operation
      = throwing_at(scope_kind::session, auth::operation::memory_history);
    auto runtime = node.open_or_fail();
    auto planner
      = runtime.organization("org_acme")->client("agent_planner").value();
    auto run = planner.open_session().value();
    auto id = run->create_memory(draft("x")).value().id;
    for (int i = 0; i < 50; ++i)
      run->get_memory(id).value();
    CHECK(run->memory_history(id).has_error());
    CHECK(eventually([&] { return run->get_memory(id).has_error(); }));
    if (call > 0)
      node.files->plan(call, fault::fail);
    CHECK(settles(runtime));
    result<audit_verification> verified;
    CHECK(eventually([&] {
      verified = runtime.verify_all();
      return verified.has_value();
    }));
    auto report = verified.value();
    CHECK(report.intact);
    if (call == 0)
      whole = report.entries;
    // The tries differ by some entries; the session's own are fifty.
    CHECK(report.entries + 10 > whole);
  }
}

TEST_CASE("a language that is chosen meanwhile keeps no session from ending",
          "[session]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto run = acme.client("agent_planner")->open_session().value();
  run->create_memory(draft("running words")).value();
  acme.configure({.search_language = language::german}).value();
  CHECK(run->search_memories({.query = "words"})->results.size() == 1);
  CHECK(run->create_memory(draft("more words")).has_value());
  std::atomic<bool> closed{false};
  run.close([&](result<erasure_receipt> done) { closed = done.has_value(); });
  CHECK(eventually([&] { return closed.load(); }));
  CHECK(settles(runtime));
}

TEST_CASE("sessions of a dead process end with the scope above them",
          "[session]") {
  test_node node;
  std::shared_ptr<simulated_file_system> killed;
  {
    auto runtime = node.open_or_fail();
    auto run = runtime.organization("org_acme")
                 ->client("agent_planner")
                 ->open_session()
                 .value();
    run->create_memory(draft("x")).value();
    killed = node.files->after_kill();
  }
  test_node fresh{node, killed};
  // What a start wants to write down there, it cannot.
  fresh.options.before_operation
    = throwing_at(scope_kind::agent, auth::operation::end_session);
  {
    auto runtime = fresh.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    for (int i = 0; i < 10; ++i)
      runtime.sweep();
    CHECK(refused_ends(acme.client("").value()) == 0);
    CHECK(acme.client("agent_planner")->erase_scope().has_value());
    CHECK(eventually([&] { return has_finished_erasures(runtime); }));
    CHECK(settles(runtime));
    CHECK(broken(runtime) == "");
  }
  test_node last{fresh, fresh.files};
  last.options.before_operation = nullptr;
  auto runtime = last.open_or_fail();
  CHECK(broken(runtime) == "");
  CHECK(damages_of(runtime) == "");
}

TEST_CASE("each call of a session's life may fail once", "[session]") {
  auto how = GENERATE(fault::fail, fault::tear);
  auto resumable = GENERATE(false, true);
  auto at_the_end = GENERATE(false, true);
  std::uint64_t stride = long_mode() ? 1 : 2;
  for (std::uint64_t call = 1; call < 30; call += stride) {
    INFO("resumable " << resumable << ", at the end " << at_the_end << ", call "
                      << call);
    test_node node;
    {
      auto runtime = node.open_or_fail();
      auto acme = runtime.organization("org_acme").value();
      auto planner = acme.client("agent_planner").value();
      planner.create_memory(draft("x")).value();
      if (!at_the_end)
        node.files->plan(call, how);
      auto run = planner.open_session({.resumable = resumable});
      if (run) {
        static_cast<void>((*run)->create_memory(draft("x")));
        if (at_the_end)
          node.files->plan(call, how);
        static_cast<void>(run->close());
      }
      if (!node.files->fault_happened())
        break;
      CHECK(settles(runtime));
      CHECK(eventually([&] { return has_finished_erasures(runtime); }));
      CHECK(eventually([&] { return broken(runtime) == ""; }));
      CHECK(damages_of(runtime) == "");
      for (const auto& each : acme.client("")->list_scopes().value().scopes)
        CHECK(each.name.kind() != scope_kind::session);
    }
    auto again = node.open_or_fail();
    CHECK(broken(again) == "");
    CHECK(damages_of(again) == "");
  }
}
