// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace cloister {

/// A memory's id: a UUID of version 7 (RFC 9562), whose random bits carry a
/// masked locator of its scope (see auth/locator.hpp).
struct memory_id {
  std::array<std::uint8_t, 16> octets{};

  /// Accepts 8-4-4-4-12 hexadecimal digits of either case; fails with
  /// `invalid_argument`.
  static result<memory_id> parse(std::string_view text);

  /// Lower case, with hyphens.
  std::string to_string() const;

  friend auto operator<=>(const memory_id&, const memory_id&) = default;
};

} // namespace cloister

/// @cond
template <>
struct std::hash<cloister::memory_id> {
  std::size_t operator()(const cloister::memory_id& id) const noexcept {
    // The tail is random already.
    std::size_t value = 0;
    for (std::size_t i = 8; i < 16; ++i)
      value = (value << 8) | id.octets[i];
    return value;
  }
};
/// @endcond
