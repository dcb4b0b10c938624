// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/utf8.hpp"

#include <cstdint>
#include <cstring>

#include <unicode/utf8.h>

namespace cloister {

namespace {

constexpr std::uint64_t high_bits = 0x8080808080808080u;

/// How many leading bytes are ASCII, eight at a time.
std::size_t ascii_prefix(std::string_view text) noexcept {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if ((word & high_bits) != 0)
      break;
  }
  return i;
}

} // namespace

bool is_utf8(std::string_view text) noexcept {
  auto rest = text.substr(ascii_prefix(text));
  auto data = reinterpret_cast<const std::uint8_t*>(rest.data());
  auto length = static_cast<std::int32_t>(rest.size());
  for (std::int32_t i = 0; i < length;) {
    UChar32 point;
    U8_NEXT(data, i, length, point);
    if (point < 0)
      return false;
  }
  return true;
}

} // namespace cloister
