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

std::optional<std::size_t> find_flipped_bit(std::size_t size,
                                            std::uint32_t difference) {
  // What each bit of the last byte changes; a byte earlier, the same passes
  // through one more byte of zeros.
  std::array<std::uint32_t, 8> effects;
  for (std::size_t bit = 0; bit < 8; ++bit)
    effects[bit] = extend(0, static_cast<std::uint8_t>(1U << bit));
  for (std::size_t at = size; at-- > 0;) {
    for (std::size_t bit = 0; bit < 8; ++bit) {
      if (effects[bit] == difference)
        return at * 8 + bit;
      effects[bit] = extend(effects[bit], std::uint8_t{0});
    }
  }
  return std::nullopt;
}

} // namespace cloister::persistence
