// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/string_hash.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using namespace cloister;

TEST_CASE("texts that differ a little have hashes that differ in both halves",
          "[core]") {
  std::set<std::uint64_t> all;
  std::set<std::uint32_t> lower;
  std::set<std::uint32_t> upper;
  constexpr int texts = 20'000;
  for (int i = 0; i < texts; ++i) {
    auto hash = string_hash("w" + std::to_string(i));
    all.insert(hash);
    lower.insert(static_cast<std::uint32_t>(hash));
    upper.insert(static_cast<std::uint32_t>(hash >> 32));
  }
  CHECK(all.size() == texts);
  // Of 20,000 numbers of 32 bits one in 100,000 is expected twice.
  CHECK(lower.size() > texts - 20);
  CHECK(upper.size() > texts - 20);
}

TEST_CASE("each byte of a text counts, and its length", "[core]") {
  std::set<std::uint64_t> all{string_hash("")};
  std::string text;
  for (std::size_t size = 1; size <= 40; ++size) {
    text.push_back('\0');
    CHECK(all.insert(string_hash(text)).second);
    for (std::size_t at = 0; at < size; ++at) {
      auto other = text;
      other[at] = 'x';
      CHECK(all.insert(string_hash(other)).second);
    }
  }
}
