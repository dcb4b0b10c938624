// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/bytes.hpp"
#include "persistence/damage_list.hpp"
#include "persistence/file_system.hpp"

namespace cloister::persistence {

/// Stands between LevelDB and its tables. A data block whose checksum is wrong
/// would stop whoever reads past it, and a compaction that meets it would stop
/// all writes of the database. Here its damage is remembered first, and then
/// LevelDB gets something that it can read around: the block with one
/// wrong byte set right, or else an empty block.
///
/// What `damage` lists is refused above, so nobody takes a corrected record or
/// an older one for granted before a repair has proven it.
///
/// Thread-safe.
class table_guard {
public:
  explicit table_guard(std::shared_ptr<damage_list> damage)
    : damage_(std::move(damage)) {}

  /// Looks at what was read from a table. Answers it, or what to hand on
  /// instead, in `scratch`, which holds as many bytes as `read`.
  bytes_view check(const random_file& file, const std::string& name,
                   std::uint64_t offset, bytes_view read, char* scratch);

  /// The file that was found damaged beyond its data blocks, or was being
  /// read last as a sequence; for messages. Empty where there is none.
  std::string suspect() const;
  void note_sequential(std::string name);
  void note_damaged(const std::string& name);

private:
  std::shared_ptr<damage_list> damage_;
  mutable std::mutex mutex_;
  std::string damaged_;
  std::string sequential_;
};

} // namespace cloister::persistence
