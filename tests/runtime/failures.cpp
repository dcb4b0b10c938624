// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

TEST_CASE("a scope that throws is restarted, then quarantined, alone",
          "[runtime]") {
  test_node node;
  std::atomic<bool> failing{false};
  node.options.before_operation
    = [&](const scope& where, auth::operation what) {
        if (failing && where.name() == "user_bad"
            && what == auth::operation::get_memory)
          throw std::runtime_error("a bug");
      };
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto bad = acme.client("user_bad").value();
  auto good = acme.client("user_good").value();
  auto bad_id = bad.create_memory(draft("kept"))->id;
  auto good_id = good.create_memory(draft("fine"))->id;
  failing = true;
  bool quarantined = false;
  for (int i = 0; i < 50 && !quarantined; ++i) {
    auto outcome = bad.get_memory(bad_id);
    REQUIRE(outcome.has_error());
    quarantined = outcome.error().code == errc::quarantined;
    CHECK((quarantined || outcome.error().code == errc::unavailable));
    CHECK(outcome.error().detail.find("a bug") == std::string::npos);
    CHECK(good.get_memory(good_id).has_value());
    node.time->advance(1s);
  }
  CHECK(quarantined);
  failing = false;
  CHECK(bad.list_memories().error().code == errc::quarantined);
  node.time->advance(1h);
  CHECK(bad.get_memory(bad_id)->content == "kept");
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("a search is cut at its deadline", "[runtime]") {
  test_node node;
  std::atomic<bool> slow{false};
  node.options.before_operation = [&](const scope&, auth::operation what) {
    if (slow && what == auth::operation::search_memories)
      node.time->advance(2min);
  };
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  a.create_memory(draft("x")).value();
  CHECK(a.search_memories({.query = "x"})->results.size() == 1);
  slow = true;
  CHECK(a.search_memories({.query = "x"}).error().code == errc::timeout);
  slow = false;
  CHECK(a.search_memories({.query = "x"})->results.size() == 1);
}

TEST_CASE("a failed write is told, and the scope goes on after the reopening",
          "[runtime]") {
  for (auto what : {fault::fail, fault::tear, fault::no_space}) {
    test_node node;
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    auto a = acme.client("user_a").value();
    auto b = acme.client("user_b").value();
    auto kept = a.create_memory(draft("kept"))->id;
    b.create_memory(draft("neighbour")).value();
    node.files->plan(1, what);
    auto failed = a.create_memory(draft("lost"));
    CHECK(failed.error().code == errc::unavailable);
    CHECK(a.get_memory(kept).has_value() == (what != fault::no_space));
    node.files->free_up();
    CHECK(
      eventually([&] { return b.create_memory(draft("more")).has_value(); }));
    CHECK(
      eventually([&] { return a.create_memory(draft("again")).has_value(); }));
    CHECK(a.get_memory(kept).has_value());
    CHECK(runtime.verify_all()->intact);
  }
}

TEST_CASE("on a nearly full disk only deletions are accepted", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  auto id = a.create_memory(draft("x"))->id;
  node.files->space = 1024;
  // The space is looked at ten times a second.
  REQUIRE(eventually([&] { return a.create_memory(draft("y")).has_error(); }));
  auto refused = a.create_memory(draft("y"));
  CHECK(refused.error().code == errc::unavailable);
  CHECK(refused.error().detail.find("nearly full") != std::string::npos);
  CHECK(a.get_memory(id).has_value());
  CHECK(eventually([&] { return a.delete_memory(id).has_value(); }));
  node.files->space = std::uint64_t{1} << 40;
  CHECK(eventually([&] { return a.create_memory(draft("z")).has_value(); }));
}

TEST_CASE("a store on a full disk opens by giving up its reserve, so that "
          "something can be deleted",
          "[runtime]") {
  test_node node;
  memory_id id;
  {
    auto runtime = node.open_or_fail();
    auto a = runtime.organization("org_acme")->client("user_a").value();
    id = a.create_memory(draft("x"))->id;
  }
  REQUIRE(node.files->exists("/data/reserve"));
  // The first call says who holds the directory, in place.
  node.files->space = 1024;
  node.files->reserve_makes_room = true;
  node.files->plan(2, fault::no_space);
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  CHECK(a.delete_memory(id).has_value());
  CHECK(a.create_memory(draft("y")).error().code == errc::unavailable);
}

TEST_CASE("an organization asked for by many at once is made once",
          "[runtime]") {
  test_node node;
  for (int round = 0; round < 20; ++round) {
    auto name = "org_" + std::to_string(round);
    {
      auto runtime = node.open_or_fail();
      std::vector<std::thread> threads;
      std::atomic<int> stored{0};
      for (int t = 0; t < 8; ++t)
        threads.emplace_back([&, t] {
          auto org = runtime.organization(name);
          auto user = org ? org->client("user_" + std::to_string(t))
                          : result<client>{org.error()};
          stored += user && user->create_memory(draft("x")).has_value();
        });
      for (auto& each : threads)
        each.join();
      CHECK(stored == 8);
    }
    auto runtime = node.open_or_fail();
    auto org = runtime.organization(name).value();
    for (int t = 0; t < 8; ++t)
      CHECK(
        org.client("user_" + std::to_string(t))->list_memories()->results.size()
        == 1);
    CHECK(runtime.verify_all()->intact);
  }
}

TEST_CASE("whoever waits when the core of the node dies is answered",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto a = acme.client("user_a").value();
  auto kept = a.create_memory(draft("kept"))->id;
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      auto mine = acme.client("user_" + std::to_string(t)).value();
      while (!stop) {
        static_cast<void>(mine.create_memory(draft("x")));
        static_cast<void>(mine.list_memories());
        ++answered;
      }
    });
  for (int round = 0; round < 5; ++round) {
    auto before = answered.load();
    CHECK(eventually([&] { return answered > before + 20; }));
    gateway_of(runtime).kill_core_for_tests(round);
  }
  stop = true;
  for (auto& each : threads)
    each.join();
  CHECK(eventually([&] { return a.get_memory(kept).has_value(); }));
  CHECK(eventually([&] {
    auto report = runtime.verify_all();
    return report && report->intact;
  }));
}

TEST_CASE("a core that dies while the store cannot be opened comes back with "
          "it",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  auto kept = a.create_memory(draft("kept"))->id;
  node.files->plan(1, fault::no_space);
  CHECK(a.create_memory(draft("lost")).error().code == errc::unavailable);
  for (int which = 0; which < 3; ++which)
    gateway_of(runtime).kill_core_for_tests(which);
  node.files->free_up();
  CHECK(eventually([&] { return a.create_memory(draft("more")).has_value(); }));
  CHECK(a.get_memory(kept).has_value());
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("reads are refused once too many wait for their place in the trail",
          "[runtime]") {
  test_node node;
  auto journal = persistence::audit_journal::open(node.files, "/data", 7);
  REQUIRE(journal.has_value());
  bytes entry(1024 * 1024, 'x');
  persistence::scope_tag tag{1};
  std::uint64_t last = 0;
  for (;;) {
    auto done = (*journal)->append(tag, tag, entry);
    if (done.has_error()) {
      CHECK(done.error().code == errc::overloaded);
      CHECK(done.error().retry_after.count() > 0);
      break;
    }
    last = *done;
    REQUIRE((*journal)->unsettled(tag).size() < 100);
  }
  (*journal)->settle(tag, last);
  CHECK((*journal)->append(tag, tag, entry).has_value());
}
