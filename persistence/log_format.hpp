// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "core/bytes.hpp"

namespace cloister::persistence {

// What must be known of LevelDB's logs, and of its manifest, which is one, to
// tell damage from a record that was being written (doc/log_format.md there).
//
//   log    := block*                     32 KiB each, the last one shorter
//   block  := record* zeros              fewer than 7 zeros
//   record := masked-crc32c:le32 length:le16 type:1 data
//
// The checksum covers type and data, and not the length.

constexpr std::size_t log_block_bytes = 32 * 1024;
constexpr std::size_t log_header_bytes = 7;

/// Whether the last block of a log, given whole, ends in a record whose length
/// is wrong, and not in one that was being written when the process or the
/// power went: the checksum of that one matches nothing that is there.
bool is_tail_damaged(bytes_view block);

/// A log with its wrong bytes put right where checksums show what they were.
struct mended_log {
  bytes content;
  /// Where records began that were put right.
  std::vector<std::uint64_t> mended;
  /// Where blocks have something that cannot be put right.
  std::vector<std::uint64_t> unreadable;
};

mended_log mend_log(bytes_view log);

} // namespace cloister::persistence
