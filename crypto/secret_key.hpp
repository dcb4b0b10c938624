// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

#include "core/bytes.hpp"

namespace cloister::crypto {

/// A 256-bit key in a cell of the process's key slab: locked memory that is
/// kept out of core dumps. Cannot be copied, printed, compared or sent in a
/// message; its cell is wiped when it goes out of scope. A moved-from key may
/// only be destroyed or assigned to. Reading one key from several threads is
/// safe.
class secret_key {
public:
  static constexpr std::size_t size = 32;

  /// A new key from the system's cryptographic generator.
  static secret_key random();

  /// Copies 32 bytes into the slab. The caller wipes its own copy.
  static secret_key from_bytes(bytes_view material);

  secret_key(secret_key&& other) noexcept : cell_(other.cell_) {
    other.cell_ = nullptr;
  }
  secret_key& operator=(secret_key&& other) noexcept;
  secret_key(const secret_key&) = delete;
  secret_key& operator=(const secret_key&) = delete;
  ~secret_key();

  /// A second cell with the same key, for a second owner.
  secret_key duplicate() const;

  /// The 32 bytes, for the ciphers in this folder and for writing a key file.
  const std::uint8_t* data() const noexcept;
  bytes_view view() const noexcept;

private:
  explicit secret_key(std::uint8_t* cell) : cell_(cell) {}

  std::uint8_t* cell_;
};

} // namespace cloister::crypto
