// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "crypto/hash.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::persistence {

/// A fingerprint of a set of sealed records that does not depend on order and
/// is updated in constant time: the sum of keyed hashes of each record's
/// storage key and authentication tag (Bellare and Micciancio, "A new paradigm
/// for collision-free hashing", 1997).
struct record_set {
  std::uint64_t count = 0;
  crypto::digest sum{};

  void add(const crypto::secret_key& key, bytes_view storage_key,
           bytes_view tag);
  void remove(const crypto::secret_key& key, bytes_view storage_key,
              bytes_view tag);

  friend bool operator==(const record_set&, const record_set&) = default;
};

/// What a scope knows about itself, written with each of its batches: by it a
/// scope notices records that were lost or came back, which no checksum of the
/// database tells.
///
///   head := version:u8 batch_number:be64 next_sequence:be64
///           contents:(count:be64 sum:32) registry:(count:be64 sum:32)
///           audit_length:be64 audit_head:32 journal_sequence:be64
///           memory_count:be64 content_bytes:be64
///
/// Sealed under the scope's control key; the context is the storage key.
struct scope_head {
  std::uint64_t batch_number = 0;
  std::uint64_t next_sequence = 1;
  /// Memories, old revisions and idempotency records.
  record_set contents;
  /// Children, tombstones, API keys and secrets.
  record_set registry;
  std::uint64_t audit_length = 0;
  crypto::digest audit_head{};
  /// The last entry of the audit journal that is part of the chain.
  std::uint64_t journal_sequence = 0;
  /// Memories, and the bytes of their plaintext records.
  std::uint64_t memory_count = 0;
  std::uint64_t content_bytes = 0;

  bytes encode() const;
  static result<scope_head> decode(bytes_view data);

  friend bool operator==(const scope_head&, const scope_head&) = default;
};

} // namespace cloister::persistence
