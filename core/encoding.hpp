// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.hpp"

namespace cloister {

/// Appends integers (big endian) and length-prefixed strings to a buffer that
/// the caller owns.
class byte_writer {
public:
  explicit byte_writer(bytes& out) : out_(out) {}

  void u8(std::uint8_t value) {
    out_.push_back(static_cast<char>(value));
  }
  void u16(std::uint16_t value) {
    big_endian(value, 2);
  }
  void u32(std::uint32_t value) {
    big_endian(value, 4);
  }
  void u64(std::uint64_t value) {
    big_endian(value, 8);
  }
  void i64(std::int64_t value) {
    u64(static_cast<std::uint64_t>(value));
  }
  /// Bytes of a length that the reader knows.
  void raw(bytes_view data) {
    out_.append(data);
  }
  template <std::size_t N>
  void raw(const std::array<std::uint8_t, N>& data) {
    out_.append(reinterpret_cast<const char*>(data.data()), N);
  }
  /// A u32 length, then the bytes.
  void string(bytes_view data) {
    u32(static_cast<std::uint32_t>(data.size()));
    raw(data);
  }

private:
  void big_endian(std::uint64_t value, int width) {
    char buffer[8];
    for (int i = 0; i < width; ++i)
      buffer[i] = static_cast<char>(value >> (8 * (width - 1 - i)));
    out_.append(buffer, static_cast<std::size_t>(width));
  }

  bytes& out_;
};

/// Reads what `byte_writer` wrote. Reading past the end yields zeros and makes
/// `ok()` false, so that a decoder checks once, at its end.
class byte_reader {
public:
  explicit byte_reader(bytes_view in) : rest_(in) {}

  std::uint8_t u8() {
    return static_cast<std::uint8_t>(big_endian(1));
  }
  std::uint16_t u16() {
    return static_cast<std::uint16_t>(big_endian(2));
  }
  std::uint32_t u32() {
    return static_cast<std::uint32_t>(big_endian(4));
  }
  std::uint64_t u64() {
    return big_endian(8);
  }
  std::int64_t i64() {
    return static_cast<std::int64_t>(u64());
  }
  bytes_view raw(std::size_t size) {
    if (rest_.size() < size) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    auto part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> array() {
    std::array<std::uint8_t, N> out{};
    auto part = raw(N);
    for (std::size_t i = 0; i < part.size(); ++i)
      out[i] = static_cast<std::uint8_t>(part[i]);
    return out;
  }
  bytes_view string() {
    return raw(u32());
  }

  /// Whether everything asked for was there.
  bool ok() const {
    return ok_;
  }
  /// Whether everything asked for was there and nothing is left.
  bool complete() const {
    return ok_ && rest_.empty();
  }
  bytes_view rest() const {
    return rest_;
  }

private:
  std::uint64_t big_endian(std::size_t width) {
    std::uint64_t value = 0;
    for (auto c : raw(width))
      value = (value << 8) | static_cast<std::uint8_t>(c);
    return value;
  }

  bytes_view rest_;
  bool ok_ = true;
};

/// Lower-case hexadecimal.
std::string to_hex(bytes_view data);

/// The bytes of an even number of hexadecimal digits of either case.
std::optional<bytes> from_hex(std::string_view text);

/// RFC 4648 base32 in lower case without padding.
std::string to_base32(bytes_view data);

/// The bytes of `to_base32`; nothing for foreign characters, an impossible
/// length or left-over bits that are not zero (so each value has one text).
std::optional<bytes> from_base32(std::string_view text);

/// The bytes of an array, without copying.
template <std::size_t N>
bytes_view view_of(const std::array<std::uint8_t, N>& data) {
  return {reinterpret_cast<const char*>(data.data()), N};
}

} // namespace cloister
