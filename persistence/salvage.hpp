// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>

#include "core/error.hpp"
#include "persistence/file_system.hpp"

namespace cloister::persistence {

/// Copies a data directory that no process holds to a sibling named
/// `<path>.before-repair-<n>` and answers that name. Fails with `unavailable`.
result<std::string> copy_aside(std::shared_ptr<file_system> files,
                               const std::string& path);

/// Rebuilds the database from whatever tables and logs can be read, if it does
/// not open or a block does not verify; answers whether it had to. What comes
/// out may lack records and may hold erased ones again: heads and audit chains
/// must be consulted next.
result<bool> salvage_database(std::shared_ptr<file_system> files,
                              const std::string& path);

} // namespace cloister::persistence
