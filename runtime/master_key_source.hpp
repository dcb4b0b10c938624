// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "crypto/secret_key.hpp"
#include "runtime/key_source.hpp"

namespace cloister {

// A store whose master key comes of a passphrase says how in the file
// `passphrase` of its data directory; nothing in it is secret:
//
//   "cloister passphrase 1\nargon2id " passes " " memory in KiB
//   "\nsalt " 32 hexadecimal digits "\n"

/// Where a master key was found.
struct found_master_key {
  /// One of these; a rotation of a passphrase that goes on has two.
  std::vector<crypto::secret_key> candidates;
  /// The key's file, if it is in one.
  std::string file;
  bool of_passphrase = false;
};

/// The master key of the store in `data_dir`. Fails with `sealed`, saying what
/// to do, where it is missing, malformed or readable by others; may take
/// seconds.
result<found_master_key> find_master_key(const master_key_source& source,
                                         const std::string& data_dir,
                                         const std::string& store_id);

/// A master key that a store is to have from now on.
struct next_master_key {
  crypto::secret_key key;
  /// What it is kept in, for whoever is told.
  std::string kept_in;
  /// A file that was written, and takes the place of `file` in the end; empty
  /// where nothing does.
  std::string next_file = {};
  std::string file = {};
  bool of_passphrase = false;
};

/// A path that means the same in every folder and by every name.
std::string whole_path(const std::string& path);
bool is_same_file(const std::string& a, const std::string& b);

/// Makes one. Where nothing is asked for it is of the kind that there is: a
/// file in the place of the file, or, for a passphrase, another one that was
/// given. Fails with `invalid_argument`.
result<next_master_key> make_next_master_key(const master_key_source& wanted,
                                             const found_master_key& now,
                                             const std::string& data_dir);

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
