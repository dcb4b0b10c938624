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

TEST_CASE("repair keeps what verifies and lists what is lost", "[faults]") {
  test_node node;
  fill(node);
  auto all = tables(node);
  auto files = node.files->after_kill();
  auto size = files->content(all.front()).size();
  files->flip(all.front(), size / 3, 2);
  test_node damaged{node, files};
  CHECK(persistence::salvage_database(files, "/data").value());
  std::size_t lost = 0;
  {
    auto parts = damaged.open_parts().value();
    auto with = services_over(parts, node.time);
    auto report
      = engine::repair_store(with, *parts.slots, *parts.records).value();
    lost = report.lost.size();
    auto found = engine::examine_store(with, *parts.slots);
    for (const auto& damage : found.damages)
      UNSCOPED_INFO(damage.scope << ": " << damage.what);
    CHECK(found.damages.empty());
  }
  CHECK(lost > 0);
  auto runtime = damaged.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  std::size_t kept = 0;
  for (int u = 0; u < users; ++u) {
    list_options every;
    every.limit = 1000;
    for (const auto& each : acme.client("user_" + std::to_string(u))
                              ->list_memories(every)
                              .value()
                              .results) {
      CHECK(each.memory.content.starts_with("memory "));
      ++kept;
    }
  }
  CHECK(kept > users * memories_each / 2);
  CHECK(kept < users * memories_each);
  CHECK(runtime.verify_all()->intact);
}
