// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <random>

#include "engine/examiner.hpp"
#include "engine/repairer.hpp"
#include "persistence/log_format.hpp"
#include "persistence/salvage.hpp"
#include "runtime/open_parts.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

constexpr int users = 3;
constexpr int memories_each = 12;

void fill(test_node& node) {
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  for (int i = 0; i < memories_each; ++i)
    for (int u = 0; u < users; ++u)
      acme.client("user_" + std::to_string(u))
        ->create_memory(draft("memory " + std::string(300, 'x')))
        .value();
}

/// Whether every scope has all it had and the chains verify.
bool is_whole(const runtime& opened) {
  auto acme = opened.organization("org_acme").value();
  for (int u = 0; u < users; ++u) {
    auto list = acme.client("user_" + std::to_string(u))->list_memories();
    if (!list || list->results.size() != memories_each)
      return false;
  }
  return opened.verify_all()->intact;
}

std::string the_file(const test_node& node, std::string_view part) {
  std::string out;
  for (const auto& path : node.files->paths())
    if (path.find(part) != std::string::npos
        && (out.empty()
            || node.files->content(path).size()
                 > node.files->content(out).size()))
      out = path;
  return out;
}

/// Where the records of a log begin.
std::vector<std::size_t> records_of(bytes_view log) {
  constexpr auto header = persistence::log_header_bytes;
  constexpr auto block = persistence::log_block_bytes;
  std::vector<std::size_t> out;
  for (std::size_t at = 0; at + header <= log.size();) {
    if (block - at % block < header) {
      at += block - at % block;
      continue;
    }
    out.push_back(at);
    at += header + static_cast<std::uint8_t>(log[at + 4])
          + (static_cast<std::size_t>(static_cast<std::uint8_t>(log[at + 5]))
             << 8);
  }
  return out;
}

/// Flips one bit. The store must either be whole, or refuse to open and name
/// the file, and then be whole after a repair.
void flip_and_look(const test_node& node, const std::string& path,
                   std::size_t byte, int bit) {
  auto name = path.substr(path.rfind('/') + 1);
  INFO(path << ", byte " << byte << ", bit " << bit);
  auto files = node.files->after_kill();
  files->flip(path, byte, bit);
  test_node damaged{node, files};
  {
    auto opened = damaged.open();
    if (opened) {
      CHECK(is_whole(*opened));
      return;
    }
    INFO(opened.error().detail);
    CHECK(opened.error().code == errc::corrupted);
    CHECK(opened.error().detail.find("/data/store/" + name + ' ')
          != std::string::npos);
    CHECK(opened.error().detail.find("doctor --repair") != std::string::npos);
  }
  auto salvaged = persistence::salvage_database(files, "/data");
  INFO((salvaged ? std::string{} : salvaged.error().detail));
  REQUIRE(salvaged.has_value());
  CHECK(salvaged->lost.empty());
  {
    auto parts = damaged.open_parts(true).value();
    auto with = services_over(parts, node.time);
    auto report
      = engine::repair_store(with, *parts.slots, *parts.records).value();
    CHECK(report.lost.empty());
    CHECK(engine::examine_store(with, *parts.slots).damages.empty());
  }
  CHECK(is_whole(damaged.open_or_fail()));
}

void flip_many(const test_node& node, const std::string& path) {
  std::mt19937_64 random{seed()};
  auto log = node.files->content(path);
  std::size_t stride = long_mode() ? 1 : 9;
  // Headers are where damage hides best, and those at the end above all.
  auto records = records_of(log);
  for (std::size_t r = 0; r < records.size(); ++r) {
    auto late = r + 3 >= records.size();
    for (std::size_t i = 0; i < persistence::log_header_bytes; ++i)
      for (int bit = 0; bit < 8; ++bit)
        if (late || random() % stride == 0)
          flip_and_look(node, path, records[r] + i, bit);
  }
  auto others = long_mode() ? 2000 : 40;
  for (int n = 0; n < others; ++n)
    flip_and_look(node, path, random() % log.size(),
                  static_cast<int>(random() % 8));
}

} // namespace

TEST_CASE("a flipped bit in a log is harmless, or told and put right",
          "[faults]") {
  test_node node;
  fill(node);
  auto path = the_file(node, ".log");
  REQUIRE(node.files->content(path).size() > 10'000);
  flip_many(node, path);
}

TEST_CASE("a flipped bit in the manifest is harmless, or told and put right",
          "[faults]") {
  test_node node;
  fill(node);
  {
    // Turns the log into a table, which the manifest's last record names.
    auto opened = node.open_or_fail();
    gateway_of(opened).compact_for_tests();
  }
  flip_many(node, the_file(node, "MANIFEST-"));
}

TEST_CASE("a flipped bit in CURRENT is told and put right", "[faults]") {
  test_node node;
  fill(node);
  auto path = the_file(node, "/CURRENT");
  auto size = node.files->content(path).size();
  for (std::size_t byte = 0; byte < size; ++byte)
    flip_and_look(node, path, byte, static_cast<int>(byte % 8));
}

TEST_CASE("a record that was being written is no damage", "[faults]") {
  test_node node;
  fill(node);
  auto log = node.files->content(the_file(node, ".log"));
  auto last = records_of(log).back();
  auto block
    = last / persistence::log_block_bytes * persistence::log_block_bytes;
  for (auto end = last; end < log.size(); ++end)
    CHECK_FALSE(
      persistence::is_tail_damaged(bytes_view{log}.substr(block, end - block)));
}
