// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace cloister::persistence {

namespace {

constexpr std::uint32_t reflected_polynomial = 0x82f63b78;
constexpr std::uint32_t mask_delta = 0xa282ead8;

constexpr auto table = [] {
  std::array<std::uint32_t, 256> out{};
  for (std::uint32_t i = 0; i < out.size(); ++i) {
    auto crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? reflected_polynomial : 0);
    out[i] = crc;
  }
  return out;
}();

/// Which entry of the table has a high byte: each occurs once.
constexpr auto by_high_byte = [] {
  std::array<std::uint8_t, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i)
    out[table[i] >> 24] = static_cast<std::uint8_t>(i);
  return out;
}();

std::uint32_t extend(std::uint32_t crc, std::uint8_t byte) {
  return table[(crc ^ byte) & 0xff] ^ (crc >> 8);
}

std::uint32_t extend_by_table(std::uint32_t crc, bytes_view data) {
  for (auto c : data)
    crc = extend(crc, static_cast<std::uint8_t>(c));
  return crc;
}

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] std::uint32_t extend_by_instruction(std::uint32_t crc,
                                                              bytes_view data) {
  std::uint64_t wide = crc;
  for (; data.size() >= sizeof wide; data.remove_prefix(sizeof wide)) {
    std::uint64_t word;
    std::memcpy(&word, data.data(), sizeof word);
    wide = _mm_crc32_u64(wide, word);
  }
  return extend_by_table(static_cast<std::uint32_t>(wide), data);
}

std::uint32_t extend(std::uint32_t crc, bytes_view data) {
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  return has_instruction ? extend_by_instruction(crc, data)
                         : extend_by_table(crc, data);
}
#else
std::uint32_t extend(std::uint32_t crc, bytes_view data) {
  return extend_by_table(crc, data);
}
#endif

} // namespace

std::uint32_t crc32c(bytes_view data) {
  return ~extend(0xffffffff, data);
}

std::uint32_t mask_crc(std::uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + mask_delta;
}

std::uint32_t unmask_crc(std::uint32_t masked) {
  auto rotated = masked - mask_delta;
  return (rotated >> 17) | (rotated << 15);
}

std::uint32_t extend_crc(std::uint32_t state, std::uint8_t byte) {
  return extend(state, byte);
}

std::optional<byte_change> find_changed_byte(std::size_t size,
                                             std::uint32_t difference) {
  if (difference == 0)
    return std::nullopt;
  std::optional<byte_change> found;
  // From the last byte on: taking the zeros away again that followed the change
  // leaves the table's entry of the bits that changed.
  for (std::size_t at = size; at-- > 0;) {
    auto last = by_high_byte[difference >> 24];
    if (table[last] == difference) {
      if (found)
        return std::nullopt;
      found = byte_change{at, last};
    }
    difference = ((difference ^ table[last]) << 8) | last;
  }
  return found;
}

} // namespace cloister::persistence
