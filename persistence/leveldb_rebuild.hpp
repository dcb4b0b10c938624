// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "persistence/damage_list.hpp"
#include "persistence/file_system.hpp"

namespace cloister::persistence {

/// Tables by their names.
struct rebuilt_tables {
  std::vector<std::string> rebuilt;
  /// Of which nothing can be read.
  std::vector<std::string> lost;
};

/// Writes the tables of a database anew whose index or footer cannot be read,
/// from their data blocks, which their checksums alone tell apart. LevelDB's
/// own repair would give such a table up whole. What is missing between the
/// blocks goes into `damage`.
///
/// The database must not be open, and wants `store::repair` afterwards, since
/// its manifest knows the former sizes.
result<rebuilt_tables> rebuild_tables(const std::shared_ptr<file_system>& files,
                                      const std::string& directory,
                                      damage_list& damage);

} // namespace cloister::persistence
