// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>

#include "persistence/backup.hpp"
#include "runtime/backup.hpp"
#include "runtime/runtime_impl.hpp"

namespace cloister {

backup_summary to_summary(const persistence::backup_summary& from);
persistence::backup_watcher to_watcher(backup_watcher watch);

/// What the node's chain says of a backup that was made.
std::string backup_note(const std::string& backup, std::uint32_t version);

/// The secret of a recovery key's text. Fails with `invalid_argument`.
result<crypto::secret_key> parse_recovery_key(std::string_view text);

/// What `restore_backup` does, over any file system. `master` finds the key of
/// the store that was made in a directory.
using master_key_finder = std::function<result<std::vector<crypto::secret_key>>(
  const std::string& directory, const std::string& store_id)>;
result<restore_report>
restore_over(const std::shared_ptr<persistence::file_system>& files,
             const restore_options& options, const master_key_finder& master,
             const actors::gateway_options& running);

} // namespace cloister
