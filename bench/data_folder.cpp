// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/data_folder.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace cloister::bench {

data_folder::data_folder(const std::string& parent) {
  std::filesystem::create_directories(parent);
  auto name = std::filesystem::canonical(parent).string() + "/run-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error{"cannot make a folder in " + parent};
  path_ = name;
  // The stores' master keys go here too, not to the user's home. No other
  // thread is running yet.
  // NOLINTBEGIN(concurrency-mt-unsafe)
  ::setenv("XDG_CONFIG_HOME", path_.c_str(), 1);
  ::unsetenv("CLOISTER_MASTER_KEY_FILE");
  // NOLINTEND(concurrency-mt-unsafe)
}

data_folder::~data_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

} // namespace cloister::bench
