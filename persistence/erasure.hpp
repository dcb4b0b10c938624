// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "core/bytes.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "crypto/hash.hpp"
#include "persistence/storage_key.hpp"
#include "persistence/store.hpp"

namespace cloister::persistence {

// What was erased below a scope, and how far that has come: the content of its
// 'e' record, and what of it must outlive the erasure. Names are not in it.
//
//   erasure := version:u8 phase:u8 incarnation:be32 at:be64 name:16
//              memories:be64 asked:string
//              (tag:16 pseudonym:16 slot:be64 length:be64 head:32)*
//
// `name` is the rest of the tombstone's key, `asked` the audit entry that tells
// of it; the scopes are the erased one and all below it, each with the end of
// its audit chain. Sealed under the parent's control key, context = its key.
// The node has an 'e' record for each that is not finished:
//
//   unfinished := version:u8 (tag:16)*       from the organization to the
//   parent
//
// The values of phases are part of the format: never renumber, only append.

/// How far an erasure has come. What an intent began is finished, also by the
/// next start.
enum class erasure_phase : std::uint8_t {
  /// Synced; nothing is gone yet.
  intended = 1,
  /// The key is destroyed and the name refused.
  destroyed = 2,
  /// Nothing is left of it but the audit chains.
  reclaimed = 3,
};

/// One scope of a subtree that is erased, and where its audit chain ends.
struct erased_scope {
  scope_tag tag{};
  scope_pseudonym pseudonym{};
  std::uint64_t slot = 0;
  std::uint64_t audit_length = 0;
  crypto::digest audit_head{};

  friend bool operator==(const erased_scope&, const erased_scope&) = default;
};

struct erasure {
  erasure_phase phase = erasure_phase::intended;
  std::uint32_t incarnation = 1;
  timestamp at;
  /// A keyed hash of the name, which is refused from then on.
  std::array<std::uint8_t, 16> name{};
  std::uint64_t memories = 0;
  /// Who asked: an encoded audit entry.
  bytes asked;
  /// The erased scope first.
  std::vector<erased_scope> scopes;

  friend bool operator==(const erasure&, const erasure&) = default;
};

bytes encode_erasure(const erasure& value);
/// Fails with `corrupted`.
result<erasure> decode_erasure(bytes_view data);

bytes encode_unfinished(const std::vector<scope_tag>& path);
/// Fails with `corrupted`.
result<std::vector<scope_tag>> decode_unfinished(bytes_view data);

/// Puts the erasure of up to `limit` records of an erased scope into a batch;
/// all but its audit entries. Returns how many. May read the disk.
result<std::size_t> reclaim_some(const store& records, partition_id partition,
                                 const scope_tag& tag, std::size_t limit,
                                 write_batch& batch);

} // namespace cloister::persistence
