// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/encoding.hpp"

namespace cloister {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base32_digits = "abcdefghijklmnopqrstuvwxyz234567";

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

} // namespace

std::string to_hex(bytes_view data) {
  std::string out;
  out.reserve(data.size() * 2);
  for (auto c : data) {
    auto byte = static_cast<unsigned char>(c);
    out.push_back(hex_digits[byte >> 4]);
    out.push_back(hex_digits[byte & 15]);
  }
  return out;
}

std::optional<bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0)
    return std::nullopt;
  bytes out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    auto high = hex_value(text[i]);
    auto low = hex_value(text[i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}

std::string to_base32(bytes_view data) {
  std::string out;
  std::uint32_t buffer = 0;
  int bits = 0;
  for (auto c : data) {
    buffer = (buffer << 8) | static_cast<unsigned char>(c);
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out.push_back(base32_digits[(buffer >> bits) & 31]);
    }
  }
  if (bits > 0)
    out.push_back(base32_digits[(buffer << (5 - bits)) & 31]);
  return out;
}

std::optional<bytes> from_base32(std::string_view text) {
  bytes out;
  std::uint32_t buffer = 0;
  int bits = 0;
  for (auto c : text) {
    auto digit = base32_digits.find(c);
    if (digit == std::string_view::npos)
      return std::nullopt;
    buffer = (buffer << 5) | static_cast<std::uint32_t>(digit);
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out.push_back(static_cast<char>((buffer >> bits) & 255));
    }
  }
  if (bits >= 5 || (buffer & ((1u << bits) - 1)) != 0)
    return std::nullopt;
  return out;
}

} // namespace cloister
