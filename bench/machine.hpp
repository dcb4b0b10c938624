// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <string>

namespace cloister::bench {

/// What the numbers hold for.
struct machine {
  std::string cpu;
  unsigned cores = 0;
  std::string kernel;
  std::string data_dir;
  /// Type and device, e.g. "ext4 (/dev/vda)".
  std::string file_system;
};

machine this_machine(const std::string& data_dir);

/// Bytes of this process in memory.
std::size_t resident_bytes();

} // namespace cloister::bench
