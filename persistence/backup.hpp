// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>

#include "persistence/backup_file.hpp"
#include "persistence/node_store.hpp"

namespace cloister::persistence {

/// How far a backup has come.
struct backup_progress {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};
/// Answers false to stop.
using backup_watcher = std::function<bool(const backup_progress&)>;

/// What a backup has, or what was restored.
struct backup_summary {
  backup_head head;
  std::uint64_t records = 0;
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;
};

/// Writes a backup of a store while others use it: the records as they are at
/// one time, and the keys that go with them. On any failure neither file is
/// there. Fails with `unavailable`.
result<backup_summary> back_up(const node_store& from, const std::string& path,
                               const std::string& keys_path,
                               const std::array<std::uint8_t, 16>& id,
                               timestamp now, const backup_watcher& watch);

/// The file that says of a store that it was restored from a backup: what lies
/// outside of it, such as the file of its master key, may be another's, too.
inline std::string restored_mark(const std::string& data_dir) {
  return data_dir + "/restored";
}

/// Makes the store of a backup in a directory that is empty or new; whatever it
/// says is still to be proven by opening it. Fails with `conflict` for a
/// directory that is not, with `sealed` for another store's recovery key, and
/// with `corrupted`.
result<backup_summary>
unpack(const std::shared_ptr<file_system>& files, const std::string& path,
       const std::string& keys_path, const std::string& directory,
       const crypto::secret_key& recovery, const backup_watcher& watch);

} // namespace cloister::persistence
