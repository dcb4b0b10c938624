// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/error.hpp"

namespace cloister {

/// The language whose words an organization's memories are stemmed by. Stored:
/// never renumber, only append.
enum class language : std::uint8_t {
  /// Words are found as they are written.
  none = 0,
  english = 1,
  german = 2,
  french = 3,
  spanish = 4,
  italian = 5,
  portuguese = 6,
  dutch = 7,
  swedish = 8,
  norwegian = 9,
  danish = 10,
  finnish = 11,
  hungarian = 12,
  romanian = 13,
  russian = 14,
  turkish = 15,
};

/// All of them, by the names they are chosen by; indexed by their values.
inline constexpr std::array language_names{
  std::string_view{"none"},       std::string_view{"english"},
  std::string_view{"german"},     std::string_view{"french"},
  std::string_view{"spanish"},    std::string_view{"italian"},
  std::string_view{"portuguese"}, std::string_view{"dutch"},
  std::string_view{"swedish"},    std::string_view{"norwegian"},
  std::string_view{"danish"},     std::string_view{"finnish"},
  std::string_view{"hungarian"},  std::string_view{"romanian"},
  std::string_view{"russian"},    std::string_view{"turkish"},
};

constexpr std::string_view to_string(language which) {
  return language_names[static_cast<std::size_t>(which)];
}

/// "english" and the like; fails with `invalid_argument` and names them all.
result<language> parse_language(std::string_view name);

} // namespace cloister
