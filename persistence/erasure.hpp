// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <limits>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "persistence/store.hpp"
#include "persistence/write_batch.hpp"

namespace cloister::persistence {

// An erasure that was begun and is not finished: the content of the node's 'e'
// records, by which it goes on whatever happens. One is of the erasure, and
// then one of each scope below, so that its slot and its space are found once
// no key opens its catalog any more. Names are not in them.
//
//   erasure := version:u8 flags:u8 partition:be16 organization:16
//              incarnation:be32 at:be64 name:16 pseudonym:16 slot:be64
//              scopes:be64 memories:be64 unreadable:be64 below:be64
//              asked:string [copies_below:u8] (tag:16)*
//   flags   := 1 everything below is listed, and where its chains end is known
//            | 2 no copies of what it has are left elsewhere
//            | 4 copies are erased before anything is listed, at or below the
//              scope with the first `copies_below` segments of its path
//   below   := version:u8 pseudonym:16 slot:be64
//
// `name` is the rest of the tombstone's key, `asked` the audit entry that tells
// of it; the tags lead from below the organization to the parent. Organization
// is zeros where an organization itself is erased. Sealed under the node's
// control key, context = its key. No head counts them: the worst that one that
// is lost or comes back can do is to leave space behind.

/// The slot of a scope whose catalog entry could not be read.
constexpr std::uint64_t unknown_slot
  = std::numeric_limits<std::uint64_t>::max();

/// One scope that goes.
struct erased_scope {
  scope_pseudonym pseudonym{};
  std::uint64_t slot = unknown_slot;

  friend bool operator==(const erased_scope&, const erased_scope&) = default;
};

struct erasure {
  /// Everything below is listed; the keys may go.
  bool listed = false;
  /// No copies of what it has are left elsewhere.
  bool with_copies = false;
  /// Copies are erased before anything is listed, where whoever asked may
  /// delete: at or below the scope with so many of the first segments of its
  /// path. 0 where that is done, or was not wanted.
  std::uint8_t copies_below = 0;
  partition_id partition = 0;
  scope_tag organization{};
  std::uint32_t incarnation = 1;
  timestamp at;
  /// A keyed hash of the name, which is refused from then on.
  std::array<std::uint8_t, 16> name{};
  erased_scope scope;
  /// The scope and all below it, once they are listed.
  std::uint64_t scopes = 0;
  std::uint64_t memories = 0;
  /// Of those, scopes that were damaged: how many memories they had is not
  /// known, and their chains end with what is left of them.
  std::uint64_t unreadable = 0;
  /// How many records of scopes below were written at most.
  std::uint64_t below = 0;
  /// Who asked: an encoded audit entry.
  bytes asked;
  /// From below the organization to the parent.
  std::vector<scope_tag> parent;

  friend bool operator==(const erasure&, const erasure&) = default;
};

bytes encode_erasure(const erasure& value);
/// Fails with `corrupted`.
result<erasure> decode_erasure(bytes_view data);

bytes encode_erased_scope(const erased_scope& value);
/// Fails with `corrupted`.
result<erased_scope> decode_erased_scope(bytes_view data);

/// Puts the erasure of up to `limit` records of an erased scope into a batch;
/// all but its audit entries. Returns how many. May read the disk.
result<std::size_t> reclaim_some(const store& records, partition_id partition,
                                 const scope_tag& tag, std::size_t limit,
                                 write_batch& batch);

} // namespace cloister::persistence
