// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <deque>
#include <memory>
#include <unordered_set>
#include <vector>

#include "persistence/data_directory.hpp"
#include "persistence/key_slots.hpp"
#include "persistence/store.hpp"

namespace cloister::persistence {

/// Opens a poisoned store anew; the reserve makes room for that on a full disk.
result<void> reopen_store(store& records, data_directory& directory);

/// Joins batches of many scopes into one synced write. Decides what may be
/// written; the committer actor only says when. One thread at a time.
class commit_queue {
public:
  commit_queue(store& records, key_slots& slots, data_directory& directory);

  void add(std::shared_ptr<write_batch> batch);

  /// Writes everything that was added. Answers an outcome for each batch in
  /// the order they were added.
  std::vector<result<void>> flush();

  /// Whether the last flush left the store poisoned.
  bool must_reopen() const {
    return records_.poisoned();
  }

  /// Gives up the reserve if the disk is full and opens the store anew.
  /// Answers whether that worked.
  bool reopen();

private:
  /// Why a batch may not be written now, if so.
  std::optional<error> refusal(const write_batch& batch);
  void note_refused(std::uint64_t load);
  result<void> write(const std::vector<std::shared_ptr<write_batch>>& group);

  store& records_;
  key_slots& slots_;
  data_directory& directory_;
  std::vector<std::shared_ptr<write_batch>> queue_;
  /// Loads of engines that had a batch refused; see `write_batch::set_load`.
  std::unordered_set<std::uint64_t> refused_loads_;
  std::deque<std::uint64_t> refused_in_order_;
};

} // namespace cloister::persistence
