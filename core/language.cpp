// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/language.hpp"

#include <algorithm>
#include <string>

namespace cloister {

result<language> parse_language(std::string_view name) {
  std::string lower{name};
  for (auto& c : lower)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  auto found = std::find(language_names.begin(), language_names.end(), lower);
  if (found != language_names.end())
    return static_cast<language>(found - language_names.begin());
  std::string known;
  for (auto each : language_names)
    known += (known.empty() ? "" : ", ") + std::string{each};
  return error{errc::invalid_argument, "a language is one of " + known};
}

} // namespace cloister
