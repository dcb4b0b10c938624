// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What a repair makes of a store that lost what lists its scopes.

#include <catch2/catch.hpp>

#include "engine/examiner.hpp"
#include "engine/repairer.hpp"
#include "runtime/open_parts.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using persistence::record_kind;

namespace {

/// A team with a user that was erased, one that stays, and agents below both.
void fill(test_node& node) {
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  for (auto name : {"team_a/user_gone", "team_a/user_gone/agent_x",
                    "team_a/user_stays", "team_a/user_stays/agent_y"})
    acme.client(name)->create_memory(draft("x")).value();
  acme.client("team_a/user_gone")->erase_scope().value();
  REQUIRE(eventually([&] { return has_finished_erasures(opened); }));
}

persistence::identity_ptr identity_of(const engine::services& with,
                                      std::string_view path) {
  return with.catalog.find(scope::parse(path).value()).value().exact;
}

/// Takes records of the team away, as damage would, and repairs the store.
void lose_and_repair(
  test_node& node, record_kind kind,
  const std::function<bool(const engine::services&, bytes_view key,
                           bytes_view value)>& is_lost) {
  auto parts = node.open_parts(true).value();
  auto with = services_over(parts, node.time);
  auto team = identity_of(with, "org_acme/team_a");
  auto batch = std::make_shared<persistence::write_batch>();
  auto done = parts.records->scan(
    team->space().range(kind), {}, [&](bytes_view key, bytes_view value) {
      if (is_lost(with, key, value))
        batch->erase(team->space().key(kind, persistence::rest_of(key)));
      return true;
    });
  REQUIRE(done.has_value());
  REQUIRE_FALSE(batch->changes().empty());
  std::vector<std::shared_ptr<persistence::write_batch>> batches{batch};
  parts.records->write(batches).value();
  auto report
    = engine::repair_store(with, *parts.slots, *parts.records).value();
  CHECK_FALSE(report.lost.empty());
}

void check_whole(const runtime& opened) {
  CHECK(eventually([&] { return has_finished_erasures(opened); }));
  auto report = opened.verify_all().value();
  INFO(report.first_broken << ": " << report.reason);
  CHECK(report.intact);
  CHECK(damages_of(opened) == "");
}

} // namespace

TEST_CASE("a tombstone that was lost is made again by what the trail says",
          "[faults]") {
  test_node node;
  fill(node);
  lose_and_repair(node, record_kind::tombstone,
                  [](const auto&, auto, auto) { return true; });
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  CHECK(
    acme.client("team_a/user_gone")->create_memory(draft("again")).error().code
    == errc::erased);
  CHECK(acme.client("team_a/user_stays")->list_memories()->results.size() == 1);
  check_whole(opened);
}

TEST_CASE("a scope whose catalog entry was lost is gone, and its name begins "
          "anew",
          "[faults]") {
  test_node node;
  fill(node);
  lose_and_repair(node, record_kind::child,
                  [](const auto&, auto, auto) { return true; });
  {
    auto opened = node.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    check_whole(opened);
    auto stays = acme.client("team_a/user_stays").value();
    auto made = stays.create_memory(draft("anew")).value();
    CHECK(stays.list_memories()->results.size() == 1);
    CHECK(stays.get_memory(made.id).has_value());
    check_whole(opened);
  }
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  CHECK(acme.client("team_a/user_stays")->list_memories()->results.size() == 1);
  CHECK(acme.client("team_a/user_stays")->erase_scope().has_value());
  check_whole(opened);
}

TEST_CASE("ends of chains that were lost are told again by a repair",
          "[faults]") {
  test_node node;
  fill(node);
  lose_and_repair(
    node, record_kind::audit_entry,
    [](const auto& with, bytes_view key, bytes_view value) {
      auto team = identity_of(with, "org_acme/team_a");
      auto index = byte_reader{persistence::rest_of(key)}.u64();
      auto link = auth::decode_link(index, value).value();
      auto entry
        = engine::open_entry(engine::context_of(*team), link.sealed).value();
      return entry.ended.has_value();
    });
  auto opened = node.open_or_fail();
  check_whole(opened);
}

TEST_CASE("a bent tombstone is told by an examination", "[faults]") {
  test_node node;
  fill(node);
  auto parts = node.open_parts(true).value();
  auto with = services_over(parts, node.time);
  auto team = identity_of(with, "org_acme/team_a");
  auto batch = std::make_shared<persistence::write_batch>();
  auto done = parts.records->scan(
    team->space().range(record_kind::tombstone), {},
    [&](bytes_view key, bytes_view value) {
      bytes bent{value};
      bent[bent.size() / 2] = static_cast<char>(bent[bent.size() / 2] ^ 1);
      batch->put(
        team->space().key(record_kind::tombstone, persistence::rest_of(key)),
        bent);
      return true;
    });
  REQUIRE(done.has_value());
  std::vector<std::shared_ptr<persistence::write_batch>> batches{batch};
  parts.records->write(batches).value();
  CHECK_FALSE(engine::examine_store(with, *parts.slots).damages.empty());
  engine::repair_store(with, *parts.slots, *parts.records).value();
  CHECK(engine::examine_store(with, *parts.slots).damages.empty());
}
