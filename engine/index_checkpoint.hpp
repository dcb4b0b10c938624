// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <vector>

#include "engine/memory_table.hpp"
#include "persistence/scope_identity.hpp"
#include "persistence/store.hpp"
#include "persistence/write_batch.hpp"

namespace cloister::engine {

// A checkpoint of a scope's index: what it would cost to analyze all its texts
// again when it wakes. It lies in 'q' records, in parts; each is sealed under
// the scope's data key with its storage key as context. They belong together by
// a random id.
//
//   part       := id:16 bytes                     of what follows, in order
//   checkpoint := version:u8 parts:be64 documents:be32
//                 (sequence:be64 revision:be32)*  one per document, in order
//                 index                           search/index_codec.hpp
//
// It is derived: no head counts it, whatever is wrong with it makes it void,
// and each of its documents must still be there in the same revision. Whoever
// removes or changes a memory removes the checkpoint in the same batch, so that
// no word of it stays behind.

/// What a checkpoint is of.
struct checkpoint_document {
  std::uint64_t sequence = 0;
  std::uint32_t revision = 0;
};

struct index_checkpoint {
  std::vector<checkpoint_document> documents;
  search::inverted_index index;
};

/// Puts a checkpoint into a batch; answers of how many parts it is.
std::uint64_t put_checkpoint(const persistence::scope_identity& identity,
                             const memory_table& memories,
                             persistence::write_batch& batch);

/// Removes one of `parts` parts.
void erase_checkpoint(const persistence::scope_identity& identity,
                      std::uint64_t parts, persistence::write_batch& batch);

struct found_checkpoint {
  /// How many parts there are, of whatever is there.
  std::uint64_t parts = 0;
  /// None where it is void.
  std::optional<index_checkpoint> whole;
};

/// Reads what there is of a checkpoint. May read the disk.
found_checkpoint read_checkpoint(const persistence::store& records,
                                 const persistence::scope_identity& identity);

} // namespace cloister::engine
