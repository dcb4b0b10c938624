// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

TEST_CASE("a scope never written to reads as empty and is not created",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto nobody = acme.client("user_nobody").value();
  CHECK(nobody.list_memories()->results.empty());
  CHECK(nobody.search_memories({.query = "x"})->results.empty());
  CHECK(nobody.delete_all_memories().value() == 0);
  CHECK(nobody.get_memory(memory_id{}).error().code == errc::not_found);
  CHECK(acme.client()->list_scopes()->scopes.empty());
}

TEST_CASE("a scope that looks like personal data is not created", "[runtime]") {
  test_node node;
  {
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    auto bob = acme.client("user_bob@example.com").value();
    auto refused = bob.create_memory(draft("x"));
    CHECK(refused.error().code == errc::invalid_argument);
    CHECK(refused.error().detail.find("e-mail") != std::string::npos);
    CHECK(acme.client()->list_scopes()->scopes.empty());
  }
  node.options.allow_personal_ids = true;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  CHECK(
    acme.client("user_bob@example.com")->create_memory(draft("x")).has_value());
}

TEST_CASE("scopes see themselves, and others only as asked and allowed",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  acme.client()->create_memory(draft("shared policy")).value();
  acme.client("team_eng")->create_memory(draft("shared fact")).value();
  acme.client("team_eng/user_a")->create_memory(draft("shared a")).value();
  acme.client("team_eng/user_b")->create_memory(draft("shared b")).value();
  auto a = acme.client("team_eng/user_a").value();
  auto count = [](const client& who, search_options options) {
    options.query = "shared";
    return who.search_memories(options)->results.size();
  };
  CHECK(count(a, {}) == 1);
  CHECK(count(a, {.reach = visibility::inherited}) == 3);
  CHECK(count(a, {.reach = visibility::subtree}) == 1);
  CHECK(count(acme.client().value(), {.reach = visibility::subtree}) == 4);
  CHECK(count(acme.client("team_eng").value(),
              {.scopes = {"team_eng/user_a", "team_eng/user_b"}})
        == 2);
  list_options all;
  all.reach = visibility::subtree;
  all.limit = 3;
  auto page = acme.client()->list_memories(all).value();
  CHECK(page.results.size() == 3);
  all.cursor = page.cursor;
  CHECK(acme.client()->list_memories(all)->results.size() == 1);
}

TEST_CASE("an idle scope sleeps and wakes with everything it had",
          "[runtime]") {
  test_node node;
  node.options.idle_after = 1min;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  auto id = sarah.create_memory(draft("still here"))->id;
  for (int round = 0; round < 3; ++round) {
    node.time->advance(2min);
    CHECK(eventually([&] { return active_scopes(runtime) == 0; }));
    runtime.sweep();
    // The organization and its user.
    CHECK(eventually([&] {
      return runtime.statistics().dormant_scopes == std::optional{2U};
    }));
    CHECK(sarah.get_memory(id)->content == "still here");
    CHECK(active_scopes(runtime) > 0);
  }
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("when memory is short the least recently used scopes sleep",
          "[runtime]") {
  test_node node;
  node.options.memory_budget_bytes = 200'000;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  for (int i = 0; i < 60; ++i) {
    node.time->advance(1ms);
    acme.client("user_" + std::to_string(i))
      ->create_memory(draft(std::string(10'000, 'x')))
      .value();
  }
  CHECK(eventually([&] { return active_scopes(runtime) < 30; }));
  for (int i = 0; i < 60; ++i)
    CHECK(
      acme.client("user_" + std::to_string(i))->list_memories()->results.size()
      == 1);
}

TEST_CASE("many threads write to new scopes at once", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        auto who = acme.client("team_x/user_" + std::to_string(i % 5)).value();
        auto made = who.create_memory(
          draft(std::to_string(t) + ' ' + std::to_string(i)));
        failures += made.has_error();
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(failures == 0);
  list_options all;
  all.reach = visibility::subtree;
  all.limit = 1000;
  CHECK(acme.client()->list_memories(all)->results.size() == 160);
  CHECK(runtime.verify_all()->intact);
}
