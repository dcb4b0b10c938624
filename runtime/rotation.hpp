// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "runtime/key_source.hpp"

namespace cloister {

/// How to rotate a store's master key.
struct rotation_options {
  /// Where the new one comes from; a file is written. Where nothing is said it
  /// is made in the place of the file there is.
  master_key_source next = {};
  /// Destroy the file of the former one even if backups need it.
  bool destroy_former = false;
};

/// A backup that was made under a former master key.
struct backup_under_former_key {
  /// As `backup_summary::backup`.
  std::string backup;
  timestamp made_at;
};

struct rotation_report {
  /// Of the new key.
  std::uint32_t version = 1;
  /// The file that has the new one, or what gives it.
  std::string kept_in;
  /// Where the former one is kept, since these backups need it; empty if it was
  /// destroyed, or was in no file.
  std::string former_kept_in;
  std::vector<backup_under_former_key> backups;
};

} // namespace cloister
