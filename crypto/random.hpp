// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/bytes.hpp"

namespace cloister::crypto {

/// Bytes straight from the kernel's generator; for keys. Thread-safe.
void system_random_bytes(void* out, std::size_t size);

/// Bytes from a per-thread generator that the kernel's seeds; for nonces, ids
/// and pseudonyms, of which there are many. Thread-safe.
void random_bytes(void* out, std::size_t size);

template <std::size_t N>
std::array<std::uint8_t, N> random_array() {
  std::array<std::uint8_t, N> out;
  random_bytes(out.data(), N);
  return out;
}

/// Wipes memory in a way that the compiler cannot remove.
void wipe(void* memory, std::size_t size) noexcept;

/// Wipes a buffer with secrets, which must not grow beyond its capacity, when
/// the scope is left, whichever way.
class wipe_on_exit {
public:
  explicit wipe_on_exit(bytes& buffer) : buffer_(buffer) {}
  wipe_on_exit(const wipe_on_exit&) = delete;
  wipe_on_exit& operator=(const wipe_on_exit&) = delete;
  ~wipe_on_exit() {
    wipe(buffer_.data(), buffer_.size());
  }

private:
  bytes& buffer_;
};

} // namespace cloister::crypto
