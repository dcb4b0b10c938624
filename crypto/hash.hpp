// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "core/bytes.hpp"
#include "crypto/secret_key.hpp"

namespace cloister::crypto {

using digest = std::array<std::uint8_t, 32>;
using short_digest = std::array<std::uint8_t, 16>;

/// BLAKE2b-256 (RFC 7693) of the parts one after the other. Callers put fixed
/// lengths or length prefixes between parts that could run into each other.
digest hash(std::initializer_list<bytes_view> parts);

/// BLAKE2b-256 keyed with `key`.
digest keyed_hash(const secret_key& key,
                  std::initializer_list<bytes_view> parts);

/// BLAKE2b-128 keyed with `key`; for tags of scopes and names.
short_digest keyed_short_hash(const secret_key& key,
                              std::initializer_list<bytes_view> parts);

/// HMAC-SHA-256 (RFC 2104), which every language has, for API keys.
digest hmac_sha256(bytes_view key, bytes_view message);

/// A subkey for one purpose: libsodium's crypto_kdf with an 8-letter context.
secret_key derive_key(const secret_key& parent, const char (&context)[9],
                      std::uint64_t number);

/// Four bytes of BLAKE2b against accidents, not against attackers.
std::uint32_t checksum(bytes_view data);

/// Compares in a time that depends on the sizes only.
bool equal_in_constant_time(bytes_view a, bytes_view b) noexcept;

/// Adds two digests as little-endian 256-bit integers, for additive hashes of
/// sets (Bellare and Micciancio, 1997).
digest add(const digest& a, const digest& b) noexcept;
digest subtract(const digest& a, const digest& b) noexcept;

} // namespace cloister::crypto
