// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <random>
#include <string>

namespace cloister::server {

/// 32 hexadecimal digits that nobody guesses, of the system's generator.
inline std::string secret_name() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::random_device random;
  std::string out;
  constexpr std::size_t length = 32;
  std::uniform_int_distribution<std::size_t> digit{0, digits.size() - 1};
  while (out.size() < length)
    out.push_back(digits[digit(random)]);
  return out;
}

} // namespace cloister::server
