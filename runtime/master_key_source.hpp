// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "core/error.hpp"
#include "crypto/secret_key.hpp"

namespace cloister {

// A store whose master key comes of a passphrase says how in the file
// `passphrase` of its data directory; nothing in it is secret:
//
//   "cloister passphrase 1\nargon2id " passes " " memory in KiB
//   "\nsalt " 32 hexadecimal digits "\n"

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

/// The master key of the store in `data_dir`. Fails with `sealed`, saying what
/// to do, where it is missing, malformed or readable by others; may take
/// seconds.
result<crypto::secret_key> find_master_key(const master_key_source& source,
                                           const std::string& data_dir,
                                           const std::string& store_id);

/// Of a new store.
struct new_master_key {
  crypto::secret_key key;
  /// Where it is kept: a file's path, or what it comes from.
  std::string kept_in;
  bool is_file = false;
  bool made_file = false;
};

/// Makes a key file, or the file that says how the key comes of a passphrase,
/// where there is none.
result<new_master_key> make_master_key(const master_key_source& source,
                                       const std::string& data_dir,
                                       const std::string& store_id);

/// Whether a store's key comes of a passphrase, and nothing gives it.
bool needs_passphrase(const master_key_source& source,
                      const std::string& data_dir);

} // namespace cloister
