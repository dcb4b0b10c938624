// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/memory_table.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "crypto/random.hpp"
#include "persistence/record_codec.hpp"

using namespace cloister;
using namespace cloister::engine;

namespace {

bytes record_of(const memory_id& id, std::string content,
                std::optional<std::string> key) {
  memory value;
  value.id = id;
  value.content = std::move(content);
  value.type = "fact";
  value.metadata = "{}";
  value.key = std::move(key);
  return persistence::encode_memory(value);
}

} // namespace

TEST_CASE("the table agrees with a plain map under random changes",
          "[engine]") {
  std::mt19937_64 random{11};
  memory_table table{1 << 20};
  std::map<std::uint64_t, std::pair<memory_id, bytes>> model;
  std::uint64_t next = 1;
  for (int i = 0; i < 20'000; ++i) {
    if (model.empty() || random() % 5 < 3) {
      memory_id id{crypto::random_array<16>()};
      auto key = random() % 4 == 0
                   ? std::optional<std::string>{"k" + std::to_string(next)}
                   : std::nullopt;
      auto record = record_of(id, "w" + std::to_string(random() % 50), key);
      table.insert({next, id, 0, 1, 0, {}, record});
      model[next++] = {id, record};
      if (random() % 3 == 0)
        table.index_more([&] { return random() % 2 == 0; });
    } else {
      auto at = std::next(model.begin(),
                          static_cast<std::ptrdiff_t>(random() % model.size()));
      auto row = table.find(at->second.first);
      REQUIRE(row.has_value());
      table.erase(*row, at->second.second);
      CHECK_FALSE(table.find(at->second.first).has_value());
      model.erase(at);
    }
  }
  table.index_all();
  CHECK(table.is_all_indexed());
  CHECK(table.size() == model.size());
  CHECK(table.index().documents() == model.size());
  auto expected = model.rbegin();
  table.newest_first(std::nullopt, [&](std::uint32_t row) {
    REQUIRE(expected != model.rend());
    CHECK(table.at(row).sequence == expected->first);
    CHECK(table.find(expected->second.first) == row);
    CHECK(table.at(row).record == expected->second.second);
    ++expected;
    return true;
  });
  CHECK(expected == model.rend());
  CHECK(table.is_all_cached());
}

TEST_CASE("records leave the cache when it is full", "[engine]") {
  memory_table table{1000};
  for (std::uint64_t i = 1; i <= 50; ++i) {
    memory_id id{crypto::random_array<16>()};
    table.insert(
      {i, id, 0, 1, 0, {}, record_of(id, std::string(100, 'x'), {})});
  }
  auto cached = [&] {
    std::size_t bytes = 0;
    table.newest_first(std::nullopt, [&](std::uint32_t row) {
      bytes += table.at(row).record.size();
      return true;
    });
    return bytes;
  };
  table.shrink_cache();
  // What is not indexed yet is needed for that.
  CHECK(cached() > 5000);
  table.index_all();
  table.shrink_cache();
  CHECK(cached() <= 1000);
}
