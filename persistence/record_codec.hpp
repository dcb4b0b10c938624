// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "core/memory.hpp"

namespace cloister::persistence {

// The plaintext of 'm' and 'r' records. Integers are big endian; `string` has
// a be32 length before its bytes.
//
//   memory := version:u8 flags:u8 id:16 revision:be32 created:be64 updated:be64
//             type:string content:string metadata:string author:string
//             [key:string]                               flag 1
//             [expires:be64]                             flag 2
//             [dimensions:be32 float32*]                 flag 4
//             [pseudonym:16 id:16 revision:be32]         flag 8
//             [scopes:u8 (is_session:u8 tag:16)*]        flag 16
//
// Times are milliseconds since 1970. Flags are part of the format: never
// renumber, only append.

bytes encode_memory(const memory& value);

/// Fails with `corrupted`.
result<memory> decode_memory(bytes_view data);

/// The parts that stay in memory for every record.
struct memory_summary {
  memory_id id;
  std::uint32_t revision = 0;
  timestamp created_at;
  timestamp updated_at;
  std::optional<timestamp> expires_at;
  std::string_view type;
  std::string_view content;
  std::string_view metadata;
  std::optional<std::string_view> key;
  /// Of the embedding; 0 for none.
  std::uint32_t dimensions = 0;
};

/// Reads the summary without copying; the views point into `data`.
result<memory_summary> decode_summary(bytes_view data);

} // namespace cloister::persistence
