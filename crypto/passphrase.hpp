// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>

#include "core/error.hpp"
#include "crypto/secret_key.hpp"

namespace cloister::crypto {

/// How hard it is to guess a passphrase, and what makes equal ones differ.
struct passphrase_cost {
  std::uint64_t passes = 3;
  std::uint64_t memory_kib = 128 * 1024;
  std::array<std::uint8_t, 16> salt{};
};

/// A key from a passphrase, by Argon2id (RFC 9106). Takes a fraction of a
/// second on purpose. Fails with `unavailable` if there is not enough memory.
result<secret_key> key_from_passphrase(bytes_view passphrase,
                                       const passphrase_cost& cost);

} // namespace cloister::crypto
