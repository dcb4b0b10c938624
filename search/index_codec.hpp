// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "search/inverted_index.hpp"

namespace cloister::search {

// An inverted index without removed documents, so that it need not be made from
// the texts again.
//
//   index    := version:u8 unicode:be32 language:u8 total_length:be64
//   documents:be32
//               length:u8*                          one per document
//               terms:be32 term*
//   term     := size:u8 text postings:be32 last:be32 bounds data:string
//               block*                              all but the last block
//   block    := last:be32 end:be32 bounds
//   bounds   := shortest:u8 shortest:u8 shortest:u8 frequency_max:u8
//
// The version changes with anything that makes other terms of a text; `unicode`
// is the version of the library that knows characters.

/// Asserts that no removed document is left in it.
bytes encode_index(const inverted_index& index);

/// Fails with `corrupted` if it is malformed or of another version.
result<inverted_index> decode_index(bytes_view data);

} // namespace cloister::search
