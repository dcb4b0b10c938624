// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/string_hash.hpp"

#include <cstring>
#include <random>

namespace cloister {

namespace {

__extension__ typedef unsigned __int128 wide;

constexpr std::size_t word_bytes = sizeof(std::uint64_t);

struct seeds {
  std::uint64_t start;
  std::uint64_t factor;

  seeds() {
    std::random_device random;
    auto draw = [&] { return std::uint64_t{random()} << 32 | random(); };
    start = draw();
    // Odd, so that no factor loses a bit of what it is multiplied with.
    factor = draw() | 1;
  }
};

std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) {
  auto product = wide{a} * b;
  return static_cast<std::uint64_t>(product)
         ^ static_cast<std::uint64_t>(product >> 64);
}

/// Up to eight bytes as a number; zeros where there are none.
std::uint64_t word_of(std::string_view bytes) {
  std::uint64_t word = 0;
  if (!bytes.empty())
    std::memcpy(&word, bytes.data(), bytes.size());
  return word;
}

} // namespace

std::uint64_t string_hash(std::string_view text) noexcept {
  static const seeds drawn;
  auto hash = drawn.start ^ text.size();
  auto rest = text;
  for (; rest.size() > word_bytes; rest.remove_prefix(word_bytes))
    hash = folded_product(hash ^ word_of(rest.substr(0, word_bytes)),
                          drawn.factor);
  hash = folded_product(hash ^ word_of(rest), drawn.factor);
  return folded_product(hash ^ drawn.start, drawn.factor);
}

} // namespace cloister
