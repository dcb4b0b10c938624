// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include <leveldb/env.h>

#include "persistence/file_system.hpp"
#include "persistence/table_guard.hpp"

namespace cloister::persistence {

/// LevelDB's environment on top of a `file_system`. Beyond LevelDB's own it
/// syncs the directory after a log was created and after CURRENT was renamed,
/// so that neither vanishes in a power failure, and it writes no info log. What
/// is read of tables goes through `guard` where there is one.
std::unique_ptr<leveldb::Env>
make_leveldb_env(std::shared_ptr<file_system> files,
                 std::shared_ptr<table_guard> guard = nullptr);

} // namespace cloister::persistence
