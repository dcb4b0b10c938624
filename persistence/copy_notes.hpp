// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include "core/memory.hpp"
#include "persistence/scope_identity.hpp"
#include "persistence/store.hpp"
#include "persistence/write_batch.hpp"

namespace cloister::persistence {

// Where memories were copied to: notes in the organization's key space, by
// which an erasure finds the copies of what it erases. The key says all.
//
//   note    := version:u8
//   removal := version:u8 copies:be32
//
// A removal says how many copies one batch erased, so that whoever erases their
// source knows it even if somebody else began with that; its key has the
// sequence of one of them. Sealed under the organization's control key, context
// = its key. Part of the batch that writes the copy, or removes it. One of a
// session stays with the scope above it: sessions come and go, and leave
// nothing behind. No head counts them: a copy whose note is lost is not found,
// and a note that comes back leads to scopes that are looked at in vain.

/// Puts into `batch` that `target` has something that came through each of
/// these scopes.
void note_copies(const scope_identity& target,
                 const std::vector<passed_scope>& path, write_batch& batch);

/// The scopes that have something that came through `source`, or once had. May
/// read the disk. Fails as the store does.
result<std::vector<scope_tag>> copy_targets(const scope_identity& organization,
                                            const scope_tag& source,
                                            const store& records);

/// Puts into `batch` that it removes so many copies of what came through
/// `source` from `target`, among them the one with this sequence.
void note_removal(const scope_identity& target, const scope_tag& source,
                  std::uint64_t sequence, std::uint32_t copies,
                  write_batch& batch);

/// How many copies of what came through `source` were removed, by batches with
/// a note. May read the disk. Fails as the store does.
result<std::uint64_t> removed_copies(const scope_identity& organization,
                                     const scope_tag& source,
                                     const store& records);

/// Puts into `batch` how at most `limit` of the notes of a scope that was
/// erased are given back. Answers how many.
result<std::size_t> reclaim_copy_notes(const store& records,
                                       partition_id partition,
                                       const scope_tag& organization,
                                       const scope_tag& source,
                                       std::size_t limit, write_batch& batch);

} // namespace cloister::persistence
