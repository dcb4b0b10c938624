// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>

#include "persistence/audit_journal.hpp"
#include "persistence/catalog.hpp"
#include "persistence/data_directory.hpp"
#include "persistence/expiry_index.hpp"
#include "persistence/head.hpp"
#include "persistence/key_slots.hpp"
#include "persistence/rotation.hpp"
#include "persistence/session_store.hpp"
#include "persistence/store.hpp"

namespace cloister::persistence {

/// Everything one node has on disk, opened and owned together. Members are
/// destroyed in the reverse of the order that they depend on each other.
struct node_store {
  std::unique_ptr<data_directory> directory;
  std::unique_ptr<key_slots> slots;
  std::unique_ptr<store> records;
  std::shared_ptr<const node_identity> node;
  std::unique_ptr<persistence::catalog> catalog;
  std::unique_ptr<expiry_index> expiries;
  std::unique_ptr<audit_journal> journal;
  std::shared_ptr<persistence::session_files> session_files;
  /// One of the master key that was begun, and is not finished.
  std::optional<rotation> rotating;
};

struct node_store_options {
  std::shared_ptr<file_system> files;
  std::string path;
  std::size_t write_buffer_bytes = 16 * 1024 * 1024;
  std::size_t block_cache_bytes = 32 * 1024 * 1024;
  /// For a repair; see `store_options`.
  bool read_damaged = false;
};

/// Opens a data directory with its master key. The journal is left to
/// `open_journal`, which needs the node's head. Fails with `not_found`,
/// `unavailable`, `sealed` or `corrupted`.
result<node_store> open_node_store(const node_store_options& options,
                                   crypto::secret_key master);
/// The same with some keys, one of which it is.
result<node_store> open_node_store(const node_store_options& options,
                                   std::vector<crypto::secret_key> candidates);

/// Makes the store in a directory that `data_directory::create` gave. It does
/// not count as one until this has succeeded.
result<void> create_node_store(data_directory& directory,
                               crypto::secret_key master,
                               const crypto::public_key& recovery,
                               timestamp now);

} // namespace cloister::persistence
