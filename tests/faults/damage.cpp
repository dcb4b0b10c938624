// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "engine/examiner.hpp"
#include "engine/repairer.hpp"
#include "persistence/salvage.hpp"
#include "runtime/open_parts.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

constexpr int users = 12;
constexpr int memories_each = 20;

/// A store with several scopes, compacted into tables.
void fill(test_node& node) {
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  for (int u = 0; u < users; ++u)
    for (int i = 0; i < memories_each; ++i)
      acme.client("user_" + std::to_string(u))
        ->create_memory(
          draft("memory " + std::to_string(i) + ' ' + std::string(300, 'x')))
        .value();
  gateway_of(runtime).compact_for_tests();
}

std::vector<std::string> tables(const test_node& node) {
  std::vector<std::string> out;
  for (const auto& path : node.files->paths())
    if (path.ends_with(".ldb"))
      out.push_back(path);
  return out;
}

struct health {
  int good = 0;
  int corrupted = 0;
  int wrong = 0;
};

/// Looks at each scope: all there, said to be corrupted, or silently wrong.
health look(const runtime& opened) {
  health out;
  auto acme = opened.organization("org_acme");
  if (acme.has_error()) {
    CHECK(acme.error().code == errc::corrupted);
    out.corrupted = users;
    return out;
  }
  for (int u = 0; u < users; ++u) {
    list_options all;
    all.limit = 1000;
    auto list = acme->client("user_" + std::to_string(u))->list_memories(all);
    if (list.has_error())
      ++out.corrupted;
    else if (list->results.size() == memories_each)
      ++out.good;
    else
      ++out.wrong;
  }
  return out;
}

} // namespace

namespace {

std::string largest_table(const test_node& node) {
  std::string out;
  for (const auto& path : tables(node))
    if (out.empty()
        || node.files->content(path).size() > node.files->content(out).size())
      out = path;
  return out;
}

/// Whether a scope that was not written to before can be written.
bool writes(const runtime& opened, const std::string& user) {
  auto acme = opened.organization("org_acme");
  return acme && acme->client(user)->create_memory(draft("after")).has_value();
}

/// Users with one memory: all they have lies in one block.
constexpr int small_users = 40;

std::vector<std::string> updated_users() {
  std::vector<std::string> out;
  for (int u = 0; u < users; u += 2)
    out.push_back("user_" + std::to_string(u));
  for (int u = 0; u < small_users; ++u)
    out.push_back("user_small-" + std::to_string(u));
  return out;
}

/// How many memories of updated users are shown in an old state.
int stale(const runtime& opened) {
  int out = 0;
  auto acme = opened.organization("org_acme");
  if (acme.has_error())
    return out;
  for (const auto& name : updated_users()) {
    list_options all;
    all.limit = 1000;
    auto list = acme->client(name)->list_memories(all);
    for (std::size_t i = 0; list && i < list->results.size(); ++i)
      out += list->results[i].memory.content != "memory new";
  }
  return out;
}

constexpr std::size_t places = 24;

/// More than a checksum can put right.
void destroy(simulated_file_system& files, const std::string& path,
             std::size_t at) {
  constexpr std::size_t bytes_destroyed = 48;
  auto size = files.content(path).size();
  for (std::size_t i = 0; i < bytes_destroyed && at + i < size; ++i)
    files.flip(path, at + i, static_cast<int>(i % 8));
}

} // namespace

TEST_CASE("a flipped bit in a table is felt by the scopes in its block alone, "
          "also after a compaction, until it is repaired",
          "[faults]") {
  test_node node;
  fill(node);
  auto table = largest_table(node);
  auto size = node.files->content(table).size();
  int felt = 0;
  int contained = 0;
  int writable = 0;
  for (std::size_t n = 0; n < places; ++n) {
    INFO("place " << n);
    auto files = node.files->after_kill();
    // Data blocks lie before the index at the end.
    files->flip(table, size * n / places * 19 / 20, static_cast<int>(n % 8));
    test_node damaged{node, files};
    health before;
    {
      auto opened = damaged.open_or_fail();
      before = look(opened);
      CHECK(before.wrong == 0);
      felt += before.corrupted > 0;
      // A block holds a few memories, of one user or two; only where it has
      // the organization's list of its users are more concerned.
      contained += before.corrupted <= 2;
      gateway_of(opened).compact_for_tests();
      writable += writes(opened, "user_new");
      auto after = look(opened);
      CHECK(after.wrong == 0);
      CHECK(after.corrupted == before.corrupted);
    }
    {
      auto opened = damaged.open_or_fail();
      auto again = look(opened);
      CHECK(again.wrong == 0);
      CHECK(again.corrupted == before.corrupted);
    }
    // A checksum tells which bit it was, and each seal that it was right.
    {
      auto parts = damaged.open_parts(true).value();
      auto with = services_over(parts, node.time);
      REQUIRE(parts.records->find_damage().has_value());
      auto report
        = engine::repair_store(with, *parts.slots, *parts.records).value();
      CHECK(report.lost.empty());
      REQUIRE(parts.records->rewrite_damaged(parts.records->damage()->blocks())
                .has_value());
      REQUIRE(parts.records->find_damage().has_value());
      CHECK(parts.records->damage()->empty());
      CHECK(engine::examine_store(with, *parts.slots).damages.empty());
    }
    auto mended = look(damaged.open_or_fail());
    CHECK(mended.good == users);
  }
  CHECK(felt > 0);
  CHECK(contained > static_cast<int>(places) * 3 / 4);
  CHECK(writable > static_cast<int>(places) / 2);
}

TEST_CASE("a destroyed block is felt by the scopes in it, also after a "
          "compaction dropped it, and nothing old comes back",
          "[faults]") {
  test_node node;
  fill(node);
  {
    // Newer states above the table, in tables of their own.
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    memory_patch newer;
    newer.content = "memory new";
    for (int u = 0; u < small_users; ++u)
      acme.client("user_small-" + std::to_string(u))
        ->create_memory(draft("memory old"))
        .value();
    gateway_of(runtime).compact_for_tests();
    for (const auto& name : updated_users()) {
      auto user = acme.client(name).value();
      list_options all;
      all.limit = 1000;
      auto list = user.list_memories(all).value();
      for (const auto& each : list.results)
        user.update_memory(each.memory.id, newer).value();
    }
  }
  node.open_or_fail(); // Turns the log into a table.
  int writable = 0;
  int looked = 0;
  for (const auto& table : tables(node)) {
    auto size = node.files->content(table).size();
    for (std::size_t n = 0; n < places / 4; ++n) {
      INFO(table << ", place " << n);
      auto files = node.files->after_kill();
      destroy(*files, table, size * n / (places / 4) * 9 / 10);
      test_node damaged{node, files};
      auto opened = damaged.open();
      if (opened.has_error()) {
        // The node's own records were in it.
        CHECK(opened.error().code == errc::corrupted);
        continue;
      }
      ++looked;
      auto before = look(*opened);
      CHECK(before.wrong == 0);
      CHECK(stale(*opened) == 0);
      gateway_of(*opened).compact_for_tests();
      auto after = look(*opened);
      CHECK(after.wrong == 0);
      CHECK(after.corrupted >= before.corrupted);
      CHECK(stale(*opened) == 0);
      writable += writes(*opened, "user_1") || writes(*opened, "user_10");
    }
  }
  CHECK(looked > 0);
  CHECK(writable > 0);
}

TEST_CASE("damage to the log, manifest or CURRENT stops the start and says so",
          "[faults]") {
  test_node node;
  fill(node);
  for (auto kind : {"MANIFEST", "CURRENT"}) {
    for (const auto& path : node.files->paths()) {
      if (path.find(kind) == std::string::npos)
        continue;
      auto files = node.files->after_kill();
      files->flip(path, files->content(path).size() / 2, 3);
      auto opened = test_node{node, files}.open();
      REQUIRE(opened.has_error());
      INFO(opened.error().detail);
      CHECK((opened.error().code == errc::corrupted
             || opened.error().code == errc::unavailable));
    }
  }
}

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
  std::string table;
  for (const auto& path : tables(node))
    if (table.empty()
        || node.files->content(path).size() > node.files->content(table).size())
      table = path;
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
