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
        ->create_memory(draft("memory " + std::to_string(i) + ' '
                              + std::string(300, 'x')))
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
  if (acme.has_error())
    return out;
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

TEST_CASE("a flipped bit in a table is felt by the scopes in its block",
          "[faults]") {
  test_node node;
  fill(node);
  auto all = tables(node);
  REQUIRE_FALSE(all.empty());
  int contained = 0;
  for (int n = 0; n < 8; ++n) {
    auto files = node.files->after_kill();
    const auto& table = all[static_cast<std::size_t>(n) % all.size()];
    auto size = files->content(table).size();
    // Data blocks lie before the index at the end.
    files->flip(table, size * static_cast<std::size_t>(n + 1) / 12, n % 8);
    auto opened = test_node{node, files}.open();
    if (opened.has_error()) {
      CHECK(opened.error().code == errc::corrupted);
      continue;
    }
    auto found = look(*opened);
    CHECK(found.wrong == 0);
    if (found.corrupted > 0 && found.good > 0)
      ++contained;
  }
  CHECK(contained > 0);
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
  files->flip(table, at, 2);
  test_node damaged{node, files};
  repaired out;
  CHECK(persistence::salvage_database(files, "/data").value());
  {
    auto parts = damaged.open_parts();
    // Where the node's own secrets were hit, only a backup helps: it says so.
    if (parts.has_error()) {
      CHECK(parts.error().code == errc::corrupted);
      out.lost = 1;
      return out;
    }
    auto with = services_over(*parts, node.time);
    auto report
      = engine::repair_store(with, *parts->slots, *parts->records).value();
    out.lost = report.lost.size();
    for (const auto& damage :
         engine::examine_store(with, *parts->slots).damages) {
      INFO(damage.scope << ": " << damage.what);
      // A child's name or anchor that is lost stays lost, and is said so.
      CHECK((damage.scope.find("(unreadable)") != std::string::npos
             || damage.what.find("anchor") != std::string::npos));
    }
  }
  auto runtime = damaged.open();
  if (runtime.has_error())
    return out;
  auto acme = runtime->organization("org_acme");
  for (int u = 0; acme && u < users; ++u) {
    list_options every;
    every.limit = 1000;
    auto list
      = acme->client("user_" + std::to_string(u))->list_memories(every);
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
        || node.files->content(path).size()
             > node.files->content(table).size())
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
