// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "persistence/file_system.hpp"

namespace cloister::persistence {

// File `damage`: a line of text, then entries
//
//   line  := "cloister damage 1\n"
//   entry := length:be32 checksum:be32 body             (both cover the body)
//   body  := file:string offset:be64 after:string up-to:string
//            count:be32 (key:string)* filter:string
//                                            (string := length:be32 bytes)
//
// Keys are storage keys. Where there are none, all keys after `after` and up to
// `up-to` may be concerned. Written anew as a whole when a block is added;
// removed by a repair.

/// What a damaged block of the database held.
struct damaged_block {
  /// The name of the table's file.
  std::string file;
  std::uint64_t offset = 0;
  /// The keys of its records, where they can be told.
  std::vector<bytes> keys;
  /// Otherwise all keys after the first and up to the second may be gone.
  bytes after;
  bytes up_to;
  /// A Bloom filter that has all of them; empty where it could not be read.
  bytes filter;
};

/// Which keys lie, or lay, in damaged blocks. LevelDB forgets: a compaction
/// that dropped a block would let older values show through. So what was
/// damaged is remembered, on disk too, until a repair has proven what is left.
///
/// Thread-safe.
class damage_list {
public:
  /// Reads the list of a directory; there may be none. Fails with `corrupted`.
  static result<std::shared_ptr<damage_list>>
  open(std::shared_ptr<file_system> files, const std::string& path);

  /// Remembers a block before anything is read around it, synced. On an error
  /// nothing may be read around it.
  result<void> add(damaged_block block);

  /// The file of a damaged block that held the key, or nothing.
  std::optional<std::string> covers(bytes_view key) const;

  /// The same for any key from `first` up to and including `last`.
  std::optional<std::string> touches(bytes_view first, bytes_view last) const;

  /// Whether a block with unknown keys may have held this one: an older value
  /// may then show instead. Wrong in one case of a hundred where the block's
  /// filter could be read, and where it could not, in all its range.
  bool may_hide(bytes_view key) const;

  std::vector<damaged_block> blocks() const;
  bool empty() const noexcept {
    return empty_.load(std::memory_order_acquire);
  }

  /// Forgets blocks, after a repair.
  result<void> forget(const std::vector<damaged_block>& repaired);

private:
  damage_list(std::shared_ptr<file_system> files, std::string path);
  result<void> load();
  bool knows(const damaged_block& block) const;
  void remember(damaged_block block);
  result<void> write(const std::vector<damaged_block>& blocks);

  std::shared_ptr<file_system> files_;
  std::string path_;
  mutable std::mutex mutex_;
  std::atomic<bool> empty_{true};
  std::vector<damaged_block> blocks_;
  /// Key to the file that has it; single keys only.
  std::map<bytes, std::string, std::less<>> keys_;
};

} // namespace cloister::persistence
