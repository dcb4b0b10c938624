// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

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

} // namespace cloister::crypto
