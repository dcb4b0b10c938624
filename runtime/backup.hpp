// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "runtime/erasure_list.hpp"
#include "runtime/key_source.hpp"

namespace cloister {

/// How far a backup, or restoring one, has come.
struct backup_progress {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};
/// Called on the thread that works. Answers false to stop: nothing is left
/// then.
using backup_watcher = std::function<bool(const backup_progress&)>;

/// What a backup has.
struct backup_summary {
  /// 32 hexadecimal digits: what its two files have in common.
  std::string backup;
  /// The store's id.
  std::string store;
  timestamp made_at;
  /// The version of the master key that it needs beside the recovery key.
  std::uint32_t master_version = 1;
  std::uint64_t records = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
};

/// How to restore a backup into a directory that is empty, or is not there.
struct restore_options {
  std::string file;
  /// `file` and ".keys" if empty.
  std::string keys_file = {};
  std::string data_dir = "cloister-data";
  /// As `init` showed it.
  std::string recovery_key = {};
  /// Where the master key comes from that the backup was made under.
  master_key_source key = {};
  /// What was erased since the backup was made; nothing on it comes back.
  std::optional<erasure_list> erased = {};
  /// Said on purpose, and audited: what was erased since comes back.
  bool without_erasure_list = false;
  backup_watcher watch = {};
  std::shared_ptr<const clock> time = {};
};

/// What was restored.
struct restore_report {
  backup_summary backup;
  /// Scopes that were in the backup, and were erased again by the list.
  std::uint64_t erased_again = 0;
  /// Names that the list refuses.
  std::uint64_t names_refused = 0;
  /// Sessions that were open when the backup was made.
  std::uint64_t sessions_ended = 0;
};

/// Makes a store of a backup, proves it, erases again what was erased since,
/// and ends its sessions; only then it is in its place. Interrupted anywhere it
/// leaves nothing but a folder that the next attempt removes. Fails with
/// `invalid_argument` (no list, or one from before the backup), `conflict` (the
/// directory is not empty), `sealed` (the recovery or the master key is another
/// one's) or `corrupted`.
result<restore_report> restore_backup(const restore_options& options);

} // namespace cloister
