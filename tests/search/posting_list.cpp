// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/posting_list.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

using namespace cloister::search;

TEST_CASE("a posting list gives back what was put in", "[search]") {
  auto seed = GENERATE(range(1u, 9u));
  CAPTURE(seed);
  std::mt19937 random{seed};
  posting_list list;
  std::vector<posting> model;
  std::vector<length_code> lengths;
  document doc = random() % 3;
  auto size = random() % 1000;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < size; ++i) {
    posting next{doc, random() % 5 == 0 ? 1 + random() % 1'000'000 : 1};
    lengths.resize(doc + 1);
    lengths[doc] = static_cast<length_code>(random() % 200);
    bytes += list.append(next, lengths[doc]);
    model.push_back(next);
    doc += 1 + (random() % 4 == 0 ? random() % 100'000 : random() % 3);
  }
  CHECK(list.all() == model);
  CHECK(list.size() == model.size());
  CHECK(bytes <= 32 + size * 12);
  for (int i = 0; i < 50; ++i) {
    auto wanted = static_cast<document>(random() % (doc + 1));
    auto block = list.block_at(wanted, 0);
    auto found = std::find_if(model.begin(), model.end(),
                              [&](auto& each) { return each.doc >= wanted; });
    CHECK(block
          == (found == model.end()
                ? list.blocks()
                : static_cast<std::size_t>(found - model.begin())
                    / block_postings_max));
  }
  // Bounds hold for every posting of their block.
  for (std::size_t i = 0; i < model.size(); ++i) {
    const auto& bounds = list.bounds_of(i / block_postings_max);
    auto kind = std::min<std::size_t>(model[i].frequency, 3) - 1;
    CHECK(bounds.shortest[kind] <= lengths[model[i].doc]);
    CHECK(bounds.frequency_max >= std::min(model[i].frequency, 255u));
  }
}

TEST_CASE("lengths are rounded down, by little", "[search]") {
  std::uint32_t last = 0;
  for (std::uint32_t length = 0; length < 300'000; ++length) {
    auto decoded = decode_length(encode_length(length));
    CHECK((decoded <= length && length - decoded <= length / 16));
    CHECK(decoded >= last);
    last = decoded;
  }
}
