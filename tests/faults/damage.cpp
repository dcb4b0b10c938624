// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/examiner.hpp"
#include "engine/repairer.hpp"
#include "runtime/open_parts.hpp"
#include "tests/faults/damaged_store.hpp"

using namespace cloister;
using namespace cloister::test;

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
