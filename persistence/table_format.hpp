// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/bytes.hpp"

namespace cloister::persistence {

// What must be known of LevelDB's tables to tell whose records a damaged block
// held (doc/table_format.md there).
//
//   table   := data blocks, filter block, metaindex block, index block, footer
//   block   := contents compression:1 masked-crc32c:le32
//   contents:= entries restart:le32... restart-count:le32
//   entry   := shared:varint unshared:varint value-size:varint key-rest value
//   key     := user key, sequence and type:le64
//   footer  := metaindex-handle index-handle zeros (to 40 bytes) magic:le64
//   handle  := offset:varint size:varint           (size without the trailer)
//
// The metaindex block has one entry, "filter." and the policy's name, whose
// value is the handle of the filter block:
//
//   filter block := filter* offset:le32... offset-of-offsets:le32 lg:1
//
// Filter number i covers the data blocks that begin in 2^lg bytes from i*2^lg.

constexpr std::size_t block_trailer_bytes = 5;
constexpr std::size_t table_footer_bytes = 48;

struct block_handle {
  std::uint64_t offset = 0;
  /// Of the contents, without the trailer.
  std::uint64_t size = 0;
};

struct block_entry {
  /// With LevelDB's sequence number and type at its end.
  bytes key;
  bytes_view value;

  bytes_view user_key() const {
    return bytes_view{key}.substr(0, key.size() - 8);
  }
};

/// One data block, and the keys it can hold.
struct data_block {
  block_handle where;
  /// No key in the block is greater.
  bytes last_key;
};

/// Where the index is; nothing if this is no footer of a table.
std::optional<block_handle> decode_footer(bytes_view footer);

/// The same for the metaindex block.
std::optional<block_handle> decode_metaindex_handle(bytes_view footer);

/// Where the filter block is, from the contents of the metaindex block.
std::optional<block_handle> find_filter_block(bytes_view contents);

/// The part of a filter block that covers the data block at an offset, and
/// others within the same 2 KiB; nothing if it is malformed.
std::optional<bytes_view> filter_of_block(bytes_view contents,
                                          std::uint64_t block_offset);

/// All entries of a block's contents in order; nothing if any is malformed.
std::optional<std::vector<block_entry>> decode_block(bytes_view contents);

/// The data blocks that an index block lists; nothing if it is malformed.
std::optional<std::vector<data_block>> decode_index(bytes_view contents);

/// Whether the trailer of a block, given with it, has the right checksum.
bool checksum_is_right(bytes_view block_with_trailer);

/// A block of the same size without entries, with its trailer.
bytes make_empty_block(std::size_t size_with_trailer);

/// The block with the one byte set right that its checksum shows to be wrong;
/// nothing if it is not as simple as that.
std::optional<bytes> correct_single_byte(bytes_view block_with_trailer);

/// How long the block is, with its trailer, that `data` begins with, told by
/// its checksum alone; nothing where none is found within `size_max`.
std::optional<std::size_t> find_block_size(bytes_view data,
                                           std::size_t size_max);

} // namespace cloister::persistence
