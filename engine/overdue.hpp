// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "engine/services.hpp"

namespace cloister::engine {

/// What is due by a time and has not gone: whoever has the store open sweeps
/// it, and nobody had.
struct overdue {
  /// Memories that have expired, which nobody can read.
  std::size_t expired = 0;
  /// Scopes of which something was deleted, and whose data key has not been
  /// replaced: until then a copy of the disk and the key have it.
  std::size_t purges = 0;
};

/// Leaves out scopes that are gone. Reads the disk. Fails as the store does.
result<overdue> count_overdue(const services& with, timestamp now);

} // namespace cloister::engine
