// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "crypto/secret_key.hpp"

namespace cloister::crypto {

// Sealed bytes: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random
// nonce. The additional data is `context` followed by version and epoch.
//
//   sealed := version:u8 epoch:be32 nonce:24 ciphertext tag:16

constexpr std::uint8_t sealed_version = 1;
constexpr std::size_t sealed_header_bytes = 1 + 4 + 24;
constexpr std::size_t sealed_tag_bytes = 16;
constexpr std::size_t sealed_overhead_bytes
  = sealed_header_bytes + sealed_tag_bytes;

/// Seals `plain` under `key`. `context` says where the result lives (its
/// storage key); it is needed again to open it. `epoch` names the key among a
/// scope's keys and is stored in the clear.
bytes seal(const secret_key& key, std::uint32_t epoch, bytes_view context,
           bytes_view plain);

/// The inverse. Fails with `corrupted` if anything differs: key, context,
/// epoch, or one bit of `sealed`.
result<bytes> open(const secret_key& key, bytes_view context,
                   bytes_view sealed);

/// The epoch a sealed value names; 0 for one that is too short to be sealed.
std::uint32_t epoch_of(bytes_view sealed) noexcept;

/// The authentication tag of a sealed value: its last 16 bytes.
bytes_view tag_of(bytes_view sealed) noexcept;

/// Seals keys under another key, one after the other.
bytes wrap(const secret_key& wrapping_key, bytes_view context,
           std::span<const secret_key* const> keys);

/// The inverse; fails with `corrupted`.
result<std::vector<secret_key>> unwrap(const secret_key& wrapping_key,
                                       bytes_view context, bytes_view wrapped);

} // namespace cloister::crypto
