// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>

#include "core/bytes.hpp"
#include "crypto/secret_key.hpp"

namespace cloister::crypto {

using public_key = std::array<std::uint8_t, 32>;
using signature = std::array<std::uint8_t, 64>;

/// The Ed25519 public key (RFC 8032) that belongs to a 32-byte seed.
public_key signing_public_key(const secret_key& seed);

signature sign(const secret_key& seed, bytes_view message);

bool verify_signature(const public_key& signer, bytes_view message,
                      const signature& proof);

/// The X25519 public key (RFC 7748) of a secret; backups are sealed to it.
public_key recovery_public_key(const secret_key& recovery_key);

} // namespace cloister::crypto
