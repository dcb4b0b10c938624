// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

namespace cloister {

/// Where a master key comes from. At most one of them; where there is none,
/// what one of these variables says: CLOISTER_MASTER_KEY_FILE,
/// CLOISTER_MASTER_KEY (64 hexadecimal digits), CLOISTER_MASTER_KEY_COMMAND,
/// CLOISTER_PASSPHRASE; else a file in the user's configuration folder.
struct master_key_source {
  std::optional<std::string> file = {};
  /// A command of the shell that prints the key, such as a key service's.
  std::optional<std::string> command = {};
  std::optional<std::string> passphrase = {};
};

} // namespace cloister
