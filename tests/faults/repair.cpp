// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/examiner.hpp"
#include "engine/key_ring.hpp"
#include "engine/repairer.hpp"
#include "persistence/salvage.hpp"
#include "runtime/open_parts.hpp"
#include "tests/faults/damaged_store.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

struct repaired {
  std::size_t lost = 0;
  std::size_t kept = 0;
};

/// Damages one table in one place, repairs the store, and counts.
repaired damage_and_repair(const test_node& node, const std::string& table,
                           std::size_t at) {
  auto files = node.files->after_kill();
  destroy(*files, table, at);
  test_node damaged{node, files};
  repaired out;
  CHECK_FALSE(persistence::salvage_database(files, "/data").value().rebuilt);
  {
    auto parts = damaged.open_parts(true);
    // Where the node's own secrets were hit, only a backup helps: it says so.
    if (parts.has_error()) {
      CHECK(parts.error().code == errc::corrupted);
      out.lost = 1;
      return out;
    }
    auto with = services_over(*parts, node.time);
    REQUIRE(parts->records->find_damage().has_value());
    auto report
      = engine::repair_store(with, *parts->slots, *parts->records).value();
    out.lost = report.lost.size();
    REQUIRE(parts->records->rewrite_damaged(parts->records->damage()->blocks())
              .has_value());
    for (const auto& damage :
         engine::examine_store(with, *parts->slots).damages) {
      INFO(damage.scope << ": " << damage.what);
      // A child's name that is lost stays lost, and is said so.
      CHECK(damage.scope.find("(unreadable)") != std::string::npos);
    }
  }
  auto runtime = damaged.open();
  if (runtime.has_error())
    return out;
  auto acme = runtime->organization("org_acme");
  for (int u = 0; acme && u < users; ++u) {
    list_options every;
    every.limit = 1000;
    auto list = acme->client("user_" + std::to_string(u))->list_memories(every);
    if (list.has_error())
      continue;
    for (const auto& each : list->results) {
      CHECK(each.memory.content.starts_with("memory "));
      ++out.kept;
    }
  }
  return out;
}

} // namespace

TEST_CASE("repair keeps what verifies and lists what is lost", "[faults]") {
  test_node node;
  fill(node);
  auto table = largest_table(node);
  auto size = node.files->content(table).size();
  std::size_t mostly_kept = 0;
  // Tags are random, so a place may hold memories, or what others depend on.
  for (std::size_t part = 1; part <= 8; ++part) {
    auto found = damage_and_repair(node, table, size * part / 10);
    CHECK(found.lost > 0);
    CHECK(found.kept < users * memories_each);
    mostly_kept += found.kept > users * memories_each / 2;
  }
  CHECK(mostly_kept > 0);
}

TEST_CASE("a table with a damaged index or footer is rebuilt from its blocks",
          "[faults]") {
  test_node node;
  fill(node);
  auto table = largest_table(node);
  auto size = node.files->content(table).size();
  // From the end: magic number, handles, index.
  for (std::size_t back : {1, 20, 47, 60, 100, 200}) {
    INFO(back << " bytes before the end");
    auto files = node.files->after_kill();
    destroy(*files, table, size - back);
    test_node damaged{node, files};
    {
      auto opened = damaged.open();
      if (opened.has_error()) {
        CHECK(opened.error().code == errc::corrupted);
        CHECK(opened.error().detail.find(".ldb") != std::string::npos);
      }
    }
    CHECK(persistence::salvage_database(files, "/data").value().rebuilt);
    {
      auto parts = damaged.open_parts(true).value();
      auto with = services_over(parts, node.time);
      REQUIRE(parts.records->find_damage().has_value());
      CHECK(parts.records->damage()->empty());
      CHECK(engine::examine_store(with, *parts.slots).damages.empty());
    }
    CHECK(look(damaged.open_or_fail()).good == users);
  }
}

TEST_CASE("a rebuilt table with a gap brings nothing old back", "[faults]") {
  test_node node;
  fill(node);
  {
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    memory_patch newer;
    newer.content = "memory new";
    for (int u = 0; u < users; u += 2) {
      auto user = acme.client("user_" + std::to_string(u)).value();
      list_options all;
      all.limit = 1000;
      auto list = user.list_memories(all).value();
      for (const auto& each : list.results)
        user.update_memory(each.memory.id, newer).value();
    }
  }
  node.open_or_fail(); // Turns the log into a table.
  for (const auto& table : tables(node)) {
    auto size = node.files->content(table).size();
    for (std::size_t part = 1; part < 4; ++part) {
      INFO(table << ", part " << part);
      auto files = node.files->after_kill();
      destroy(*files, table, size - 20);
      destroy(*files, table, size * part / 4);
      test_node damaged{node, files};
      if (persistence::salvage_database(files, "/data").has_error())
        continue; // A table of one block: there is nothing to rebuild it from.
      auto parts = damaged.open_parts(true);
      if (parts.has_error()) {
        CHECK(parts.error().code == errc::corrupted);
        continue;
      }
      auto with = services_over(*parts, node.time);
      REQUIRE(parts->records->find_damage().has_value());
      auto blocks = parts->records->damage()->blocks();
      auto report
        = engine::repair_store(with, *parts->slots, *parts->records).value();
      REQUIRE(parts->records->rewrite_damaged(blocks).has_value());
      parts = error{};
      auto opened = damaged.open();
      REQUIRE(opened.has_value());
      CHECK(stale(*opened) == 0);
      // One line may tell of a whole organization.
      CHECK((look(*opened).wrong == 0 || !report.lost.empty()));
    }
  }
}

TEST_CASE("repair of a destroyed block brings nothing old or erased back",
          "[faults]") {
  test_node node;
  constexpr int small = 40;
  std::map<std::string, memory_id> erased;
  {
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    std::vector<std::pair<std::string, memory_id>> changed;
    for (int u = 0; u < small; ++u) {
      auto name = "user_" + std::to_string(u);
      auto user = acme.client(name).value();
      changed.emplace_back(name, user.create_memory(draft("memory old"))->id);
      erased[name] = user.create_memory(draft("memory erased"))->id;
    }
    gateway_of(runtime).compact_for_tests();
    memory_patch newer;
    newer.content = "memory new";
    for (const auto& [name, id] : changed) {
      auto user = acme.client(name).value();
      user.update_memory(id, newer).value();
      CHECK(user.delete_memory(erased[name]).has_value());
    }
  }
  node.open_or_fail(); // Turns the log into a table.
  int repaired = 0;
  int kept = 0;
  for (const auto& table : tables(node)) {
    auto size = node.files->content(table).size();
    for (std::size_t n = 0; n < places / 2; ++n) {
      INFO(table << ", place " << n);
      auto files = node.files->after_kill();
      destroy(*files, table, size * n / (places / 2) * 9 / 10);
      test_node damaged{node, files};
      if (persistence::salvage_database(files, "/data").has_error())
        continue;
      {
        auto parts = damaged.open_parts(true);
        if (parts.has_error())
          continue;
        auto with = services_over(*parts, node.time);
        REQUIRE(parts->records->find_damage().has_value());
        auto blocks = parts->records->damage()->blocks();
        engine::repair_store(with, *parts->slots, *parts->records).value();
        REQUIRE(parts->records->rewrite_damaged(blocks).has_value());
      }
      auto opened = damaged.open();
      if (opened.has_error())
        continue;
      ++repaired;
      auto acme = opened->organization("org_acme");
      for (int u = 0; acme && u < small; ++u) {
        auto name = "user_" + std::to_string(u);
        auto list = acme->client(name)->list_memories();
        for (std::size_t i = 0; list && i < list->results.size(); ++i) {
          CHECK(list->results[i].memory.content == "memory new");
          ++kept;
        }
        CHECK(acme->client(name)->get_memory(erased[name]).has_error());
      }
    }
  }
  CHECK(repaired > 0);
  CHECK(kept > 0);
}

TEST_CASE("repair of a destroyed block leaves scopes alone that had nothing in "
          "it",
          "[faults]") {
  test_node node;
  constexpr int many = 60;
  {
    auto runtime = node.open_or_fail();
    for (int o = 0; o < many; ++o) {
      auto acme = runtime.organization("org_" + std::to_string(o)).value();
      std::vector<memory_draft> some;
      for (int i = 0; i < 12; ++i)
        some.push_back(draft("memory " + std::string(300, 'x')));
      acme.client("user_a")->create_memories(some).value();
    }
    gateway_of(runtime).compact_for_tests();
  }
  auto table = largest_table(node);
  auto size = node.files->content(table).size();
  REQUIRE(size > 100'000);
  // The first block of a table has no key before it to begin its range with.
  for (std::size_t at : {std::size_t{100}, size / 3, size / 2}) {
    INFO("byte " << at);
    auto files = node.files->after_kill();
    destroy(*files, table, at);
    test_node damaged{node, files};
    REQUIRE(persistence::salvage_database(files, "/data").has_value());
    {
      auto parts = damaged.open_parts(true).value();
      auto with = services_over(parts, node.time);
      REQUIRE(parts.records->find_damage().has_value());
      auto blocks = parts.records->damage()->blocks();
      // Two where what is destroyed lies across their border.
      REQUIRE(!blocks.empty());
      REQUIRE(blocks.size() <= 2);
      engine::repair_store(with, *parts.slots, *parts.records).value();
      REQUIRE(parts.records->rewrite_damaged(blocks).has_value());
    }
    auto opened = damaged.open_or_fail();
    int whole = 0;
    for (int o = 0; o < many; ++o) {
      auto acme = opened.organization("org_" + std::to_string(o));
      if (!acme)
        continue;
      auto list = acme->client("user_a")->list_memories();
      whole += list && list->results.size() == 12;
    }
    CHECK(whole >= many - 4);
  }
}

TEST_CASE("repair revokes again what an old record of a key would let in",
          "[faults]") {
  test_node node;
  std::string once;
  std::string beside;
  std::optional<std::pair<persistence::storage_key, bytes>> old;
  auto record_of_key = [](const persistence::store& records,
                          const persistence::scope_identity& organization,
                          const std::string& id) {
    auto key = organization.space().key(
      persistence::record_kind::api_key,
      engine::key_record_rest(organization.organization->tag,
                              auth::parse_key_id(id).value()));
    return std::pair{key, records.get(key).value().value()};
  };
  {
    auto opened = node.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    auto key = acme.create_key({}).value();
    once = narrow_key(key.api_key, {.scope = "agent_a"}).value();
    beside = narrow_key(key.api_key, {.scope = "agent_b"}).value();
    const auto& services = gateway_of(opened).services();
    auto organization
      = services.catalog.find(scope::parse("org_acme").value()).value().exact;
    old = record_of_key(services.records, *organization, key.info.key_id);
    acme.client()->revoke_key(once).value();
  }
  {
    // What a lost block of the newest table would bring back.
    auto parts = node.open_parts().value();
    auto batch = std::make_shared<persistence::write_batch>();
    batch->put(old->first, old->second);
    std::vector<std::shared_ptr<persistence::write_batch>> one{batch};
    parts.records->write(one).value();
    auto with = services_over(parts, node.time);
    CHECK(engine::examine_store(with, *parts.slots).damages.size() == 1);
    engine::repair_store(with, *parts.slots, *parts.records).value();
    CHECK(engine::examine_store(with, *parts.slots).damages.empty());
  }
  auto opened = node.open_or_fail();
  CHECK(opened.client(once).error().code == errc::unauthenticated);
  CHECK(opened.client(beside).has_value());
}

TEST_CASE("records of no scope are found, and removed", "[faults][repair]") {
  test_node node;
  {
    auto opened = node.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    acme.client("user_a")->create_memory(draft("x")).value();
  }
  auto parts = node.open_parts().value();
  auto with = services_over(parts, node.time);
  auto before = engine::examine_store(with, *parts.slots);
  CHECK(before.orphaned_records == 0);
  persistence::key_space nobody{7, {1, 2, 3}};
  auto batch = std::make_shared<persistence::write_batch>();
  for (std::uint64_t i = 0; i < 3; ++i)
    batch->put(nobody.key(persistence::record_kind::memory, i), "x");
  std::vector<std::shared_ptr<persistence::write_batch>> batches{batch};
  REQUIRE(parts.records->write(batches).has_value());
  auto found = engine::examine_store(with, *parts.slots);
  CHECK(found.damages.empty());
  CHECK(found.orphaned_records == 3);
  REQUIRE(engine::remove_orphans(*parts.records, found).has_value());
  auto after = engine::examine_store(with, *parts.slots);
  CHECK(after.orphaned_records == 0);
  CHECK(after.records == before.records);
  CHECK(after.damages.empty());
}
