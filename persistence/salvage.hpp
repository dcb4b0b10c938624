// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "persistence/file_system.hpp"

namespace cloister::persistence {

/// Copies a data directory that no process holds to a sibling named
/// `<path>.before-repair-<n>` and answers that name. Fails with `unavailable`.
result<std::string> copy_aside(const std::shared_ptr<file_system>& files,
                               const std::string& path);

/// What became of a database, in sentences for people.
struct salvage_report {
  /// LevelDB had to rebuild it.
  bool rebuilt = false;
  std::vector<std::string> mended;
  std::vector<std::string> lost;
};

/// Puts right what checksums show to be wrong in logs, manifest and CURRENT.
/// Where the database does not open even so, or a block cannot be read, it is
/// rebuilt from whatever tables and logs can be read: what comes out may lack
/// records and may hold erased ones again, so heads and audit chains must be
/// consulted next.
result<salvage_report>
salvage_database(const std::shared_ptr<file_system>& files,
                 const std::string& path);

} // namespace cloister::persistence
