// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

namespace cloister::crypto {

/// How the process keeps its keys.
struct key_slab_status {
  std::size_t cells_in_use = 0;
  std::size_t bytes_reserved = 0;
  /// False once the operating system refused to lock a page: keys may then
  /// reach swap, which must be off or encrypted.
  bool locked = true;
};

/// Takes a zeroed 32-byte cell. Thread-safe; throws `std::bad_alloc`.
std::uint8_t* take_key_cell();

/// Wipes a cell and gives it back. Thread-safe.
void return_key_cell(std::uint8_t* cell) noexcept;

key_slab_status slab_status();

} // namespace cloister::crypto
