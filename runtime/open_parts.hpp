// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "engine/services.hpp"
#include "persistence/node_store.hpp"
#include "runtime/master_key_source.hpp"

namespace cloister {

struct open_parts_options {
  std::string data_dir;
  master_key_source key;
  /// For a repair; see `store_options`.
  bool read_damaged = false;
};

/// Opens a store's files with its master key, the journal included. Fails with
/// `not_found`, `unavailable`, `sealed` or `corrupted`.
/// `place` learns where the key was found.
result<persistence::node_store> open_parts(const open_parts_options& options,
                                           found_master_key* place = nullptr);

/// The same over any file system, with the key at hand.
result<persistence::node_store>
open_parts_over(const std::shared_ptr<persistence::file_system>& files,
                const std::string& path, crypto::secret_key master,
                bool read_damaged = false);
/// The same with some keys, one of which it is.
result<persistence::node_store>
open_parts_over(const std::shared_ptr<persistence::file_system>& files,
                const std::string& path,
                std::vector<crypto::secret_key> candidates,
                bool read_damaged = false);

/// What engines need of an opened store.
engine::services services_over(persistence::node_store& parts,
                               std::shared_ptr<const clock> time);

} // namespace cloister
