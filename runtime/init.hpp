// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "runtime/master_key_source.hpp"

namespace cloister {

namespace persistence {
struct node_identity;
}

struct init_options {
  std::string data_dir = "cloister-data";
  master_key_source key = {};
};

/// What a new store's operator must keep.
struct init_report {
  std::string data_dir;
  /// Empty where the key is in no file.
  std::string master_key_file;
  /// The same, or what else the key comes from.
  std::string master_key_kept_in;
  /// Authenticates the operator to a server.
  std::string operator_key;
  /// Opens backups; stored nowhere.
  std::string recovery_key;
  /// The master key's file was made here, on the same device perhaps.
  bool made_key_file = false;
};

/// Creates a store. Fails with `conflict` if there is one.
result<init_report> initialize(const init_options& options);

/// What authenticates the operator of a store to a server.
std::string operator_key_of(const persistence::node_identity& node);

/// A key as text, behind what says which one it is.
std::string key_text(std::string_view prefix, bytes_view secret);

} // namespace cloister
