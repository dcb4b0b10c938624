// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

TEST_CASE("every operation and every refusal is in the trail", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key
    = acme
        .create_key({.root = "user_a",
                     .permissions = permissions::read | permissions::write,
                     .label = "agent"})
        .value();
  auto agent = runtime.client(key.api_key).value();
  auto id = agent.create_memory(draft("x"))->id;
  agent.get_memory(id).value();
  agent.search_memories({.query = "x"}).value();
  CHECK(agent.get_memory(memory_id{}).has_error());
  CHECK(agent.delete_memory(id).has_error());
  auto trail = acme.client("user_a")->list_audit()->results;
  std::vector<std::string> seen;
  for (auto at = trail.rbegin(); at != trail.rend(); ++at)
    seen.push_back(at->principal + ' ' + at->operation + ' ' + at->outcome);
  CHECK(seen
        == std::vector<std::string>{
          "agent memory.create ok", "agent memory.get ok",
          "agent memory.search ok", "agent memory.get not_found",
          "operator audit.list ok"});
  CHECK(trail.back().targets == std::vector<memory_id>{id});
  audit_options refused;
  refused.principal = "agent";
  auto denied = acme.client()->list_audit(refused)->results;
  REQUIRE(denied.size() == 1);
  CHECK(denied[0].operation == "memory.delete");
  CHECK(denied[0].outcome == "forbidden");
}

TEST_CASE("a read's entry survives the death of the process", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  auto id = a.create_memory(draft("x"))->id;
  for (int i = 0; i < 20; ++i)
    a.get_memory(id).value();
  // No flush has had the time to happen for the last of them.
  test_node after{node, node.files->after_kill()};
  auto again = after.open_or_fail();
  audit_options reads;
  reads.operation = "memory.get";
  auto trail = again.organization("org_acme")
                 ->client("user_a")
                 ->list_audit(reads)
                 .value();
  CHECK(trail.results.size() == 20);
  CHECK(again.verify_all()->intact);
}

TEST_CASE("refusals of strangers are counted, not chained one by one",
          "[runtime]") {
  test_node node;
  auto counts = [](const runtime& opened) {
    audit_options strangers;
    strangers.principal = "anonymous";
    auto trail = opened.list_node_audit(strangers).value();
    std::vector<std::uint32_t> out;
    for (const auto& line : trail.results)
      out.push_back(line.count);
    return out;
  };
  {
    auto runtime = node.open_or_fail();
    for (int i = 0; i < 50; ++i)
      CHECK(runtime.client("cloister_nonsense").has_error());
    CHECK(counts(runtime) == std::vector<std::uint32_t>{0});
    node.time->advance(std::chrono::minutes{1});
    CHECK(runtime.client("cloister_nonsense").has_error());
    CHECK(counts(runtime) == std::vector<std::uint32_t>{0, 49, 0});
    CHECK(runtime.client("cloister_nonsense").has_error());
  }
  auto runtime = node.open_or_fail();
  CHECK(counts(runtime) == std::vector<std::uint32_t>{1, 0, 49, 0});
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("refusals by name are in the organization's trail, with the key",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key
    = acme.create_key({.root = "user_a", .permissions = permissions::all})
        .value();
  auto agent = runtime.client(key.api_key).value();
  CHECK(runtime.client(key.api_key, "user_b").has_error());
  CHECK(runtime.client(key.api_key, "org_other/user_b").has_error());
  list_options others;
  others.scopes = {"org_acme/team_x"};
  CHECK(agent.list_memories(others).has_error());
  CHECK(
    agent
      .create_key({.root = "org_acme/user_b", .permissions = permissions::read})
      .has_error());
  acme.client()->revoke_key(key.info.key_id).value();
  CHECK(runtime.client(key.api_key).has_error());
  audit_options by_key;
  by_key.principal = key.info.key_id;
  std::vector<std::string> seen;
  auto trail = acme.client()->list_audit(by_key).value();
  for (const auto& line : trail.results) {
    CHECK(line.key_id == key.info.key_id);
    CHECK_FALSE(line.reason.empty());
    seen.push_back(line.operation + ' ' + line.outcome);
  }
  CHECK(seen
        == std::vector<std::string>{
          "key.authenticate unauthenticated", "key.create forbidden",
          "memory.list forbidden", "scope.bind forbidden",
          "scope.bind forbidden"});
}

namespace {

std::size_t reads_of(const runtime& opened, const char* user) {
  audit_options reads;
  reads.operation = "memory.get";
  reads.limit = 1000;
  return opened.organization("org_acme")
    ->client(user)
    ->list_audit(reads)
    ->results.size();
}

} // namespace

TEST_CASE("entries that a failed batch should have chained are chained later",
          "[runtime]") {
  for (auto what : {fault::fail, fault::tear}) {
    test_node node;
    std::size_t read = 0;
    {
      auto runtime = node.open_or_fail();
      auto a = runtime.organization("org_acme")->client("user_a").value();
      auto id = a.create_memory(draft("x"))->id;
      for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 3; ++i)
          read += a.get_memory(id).has_value();
        // Joins what was read and fails, unless that was chained by itself
        // meanwhile, and failed.
        node.files->plan(1, what);
        static_cast<void>(a.create_memory(draft("lost")));
        REQUIRE(eventually(
          [&] { return a.create_memory(draft("more")).has_value(); }));
      }
      CHECK(reads_of(runtime, "user_a") == read);
      CHECK(runtime.verify_all()->intact);
    }
    CHECK(reads_of(node.open_or_fail(), "user_a") == read);
  }
}

TEST_CASE("entries of a scope that crashed are chained by its successor",
          "[runtime]") {
  test_node node;
  std::atomic<bool> failing{false};
  node.options.before_operation
    = [&](const scope& where, auth::operation what) {
        if (failing && where.name() == "user_a"
            && what == auth::operation::list_memories)
          throw std::runtime_error("a bug");
      };
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  auto id = a.create_memory(draft("x"))->id;
  for (int i = 0; i < 7; ++i)
    a.get_memory(id).value();
  failing = true;
  CHECK(a.list_memories().has_error());
  failing = false;
  REQUIRE(eventually([&] {
    node.time->advance(std::chrono::seconds{1});
    return a.get_memory(id).has_value();
  }));
  CHECK(reads_of(runtime, "user_a") == 8);
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("children are anchored in their parents' chains", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  acme.client("team_b/user_c")->create_memory(draft("x")).value();
  audit_options opened;
  opened.operation = "scope.open";
  auto trail = acme.client()->list_audit(opened)->results;
  REQUIRE(trail.size() == 1);
  CHECK(trail[0].child == "org_acme/team_b");
  auto report = acme.client()->verify_audit().value();
  CHECK(report.intact);
  CHECK(report.chains == 3);
}

TEST_CASE("reading what is not there is remembered by the nearest ancestor",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  acme.client("user_ghost")->list_memories().value();
  audit_options wanted;
  wanted.operation = "memory.list";
  auto trail = acme.client()->list_audit(wanted)->results;
  REQUIRE(trail.size() == 1);
  CHECK(trail[0].outcome == "not_found");
}

TEST_CASE("the trail is paged and filtered by time", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  for (int i = 0; i < 25; ++i) {
    a.create_memory(draft(std::to_string(i))).value();
    node.time->advance(std::chrono::seconds{1});
  }
  audit_options page;
  page.operation = "memory.create";
  page.limit = 10;
  std::size_t seen = 0;
  do {
    auto found = a.list_audit(page).value();
    seen += found.results.size();
    page.cursor = found.cursor;
  } while (page.cursor);
  CHECK(seen == 25);
  page.cursor.reset();
  page.limit = 100;
  page.since = node.time->now() + std::chrono::seconds{-5};
  CHECK(a.list_audit(page)->results.size() == 5);
}
