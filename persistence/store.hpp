// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "persistence/damage_list.hpp"
#include "persistence/file_system.hpp"
#include "persistence/record_source.hpp"
#include "persistence/storage_key.hpp"
#include "persistence/table_guard.hpp"
#include "persistence/write_batch.hpp"

namespace leveldb {
class Status;
}

namespace cloister::persistence {

struct store_options {
  std::shared_ptr<file_system> files;
  /// The directory of the LevelDB database.
  std::string path;
  std::size_t write_buffer_bytes = 16 * 1024 * 1024;
  std::size_t block_cache_bytes = 32 * 1024 * 1024;
  /// Of LevelDB's tables; each also keeps its index in memory. So a store that
  /// grows takes neither more descriptors nor more memory.
  int open_files_max = 100;
  /// Makes the database if there is none.
  bool create = false;
  /// Where damage to tables is remembered, so that others can be read around
  /// it. Without it LevelDB fails whoever meets a damaged block.
  std::shared_ptr<damage_list> damage = nullptr;
  /// Reads what is left in place of what was damaged; for a repair, which
  /// proves each record.
  bool read_damaged = false;
};

/// What growth is answered with while `store::is_short_of_space`.
inline error short_of_space_error() {
  return {errc::unavailable, "the disk is nearly full: only deletions are "
                             "accepted; free some space"};
}

/// How often the store was asked; for tests and metrics.
struct store_counters {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
};

/// One LevelDB for all scopes of a node. Thread-safe.
///
/// After a failed write its outcome is unknown: the store is *poisoned* and
/// refuses writes until `reopen` has succeeded, while reads go on.
class store final : public record_source {
public:
  /// Opens or creates the database. Fails with `corrupted`, naming the kind of
  /// file and what to do, and with `unavailable`.
  static result<std::unique_ptr<store>> open(store_options options);

  /// Has LevelDB rebuild a database that nobody has open from what it can
  /// read. Afterwards erased records and old values may be back.
  static result<void> repair(const store_options& options);

  ~store() override;

  /// The value under a key, or nothing. Fails with `corrupted` where the block
  /// that holds it is damaged.
  result<std::optional<bytes>> get(const storage_key& key) const override;

  /// Calls `visit(key, value)` in key order for all keys with a prefix, from
  /// `prefix + from` on, until it answers false. Keys may come and go while it
  /// runs; `visit` may use the store, and may take long.
  result<void> scan(bytes_view prefix, bytes_view from,
                    const std::function<bool(bytes_view key, bytes_view value)>&
                      visit) const override;

  /// The last key with a prefix, or nothing.
  result<std::optional<bytes>> last_key(bytes_view prefix) const;

  /// Calls `visit` in descending order for keys with a prefix below
  /// `prefix + before` until it answers false.
  result<void> scan_back(
    bytes_view prefix, bytes_view before,
    const std::function<bool(bytes_view key, bytes_view value)>& visit) const;

  /// Applies the records of all batches in one synced write. On any error
  /// nothing is known about the outcome and the store is poisoned.
  result<void> write(std::span<const std::shared_ptr<write_batch>> batches);

  /// The records as they were at one time, whatever is written since. Must not
  /// outlive the store.
  class snapshot {
  public:
    snapshot(const snapshot&) = delete;
    snapshot& operator=(const snapshot&) = delete;
    ~snapshot();

    /// Calls `visit` for every record in key order until it answers false.
    /// Fails like `store::scan`, and with `unavailable` once the store was
    /// opened anew.
    result<void> scan(
      const std::function<bool(bytes_view key, bytes_view value)>& visit) const;

  private:
    friend class store;
    snapshot(const store& of, std::uint64_t generation, const void* handle)
      : of_(of), generation_(generation), handle_(handle) {}
    const store& of_;
    std::uint64_t generation_;
    const void* handle_;
  };
  result<std::unique_ptr<snapshot>> take_snapshot() const;

  /// Held by whoever writes keys and records that belong together: between two
  /// of those, what is in the file of keys fits the records.
  std::unique_lock<std::mutex> hold_writes() const {
    return std::unique_lock{writing_};
  }

  /// Puts records as they are into a store that is being restored. Durable once
  /// a call with `synced` has succeeded.
  result<void> import(const std::vector<std::pair<bytes, bytes>>& records,
                      bool synced);

  bool poisoned() const noexcept {
    return poisoned_.load(std::memory_order_acquire);
  }

  /// Marks the outcome of a write outside LevelDB (key slots) as unknown.
  void poison() noexcept {
    poisoned_.store(true, std::memory_order_release);
  }

  /// Closes and opens the database anew, which settles what was written.
  /// Readers wait meanwhile. On failure it stays poisoned.
  result<void> reopen();

  /// Grows with every successful reopen.
  std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }

  /// Whether so little space is left that only what shrinks the store may be
  /// written. Asks the file system at most ten times a second.
  bool is_short_of_space() const;

  store_counters counters() const noexcept;

  /// Compacts everything; for tests and `doctor`.
  void compact();

  /// Reads every block, so that `damage` lists all there is.
  result<void> find_damage() const;

  /// After a repair that has proven what is left of these blocks: has their
  /// tables written anew, and forgets them.
  result<void> rewrite_damaged(const std::vector<damaged_block>& proven);

  const std::shared_ptr<damage_list>& damage() const noexcept {
    return options_.damage;
  }

private:
  struct database;
  struct page;
  explicit store(store_options options);
  result<void> open_database();
  result<void> check_log_tails() const;
  std::shared_lock<std::shared_mutex> enter() const;
  page page_from(bytes_view prefix, bytes_view start,
                 const snapshot* as_of = nullptr) const;
  result<void>
  scan_all(bytes_view prefix, bytes start, const snapshot* as_of,
           const std::function<bool(bytes_view, bytes_view)>& visit) const;
  page page_before(bytes_view prefix, bytes_view end) const;
  error to_error(const leveldb::Status& status) const;
  result<void> refuse_damaged(bytes_view first, bytes_view last) const;

  store_options options_;
  std::shared_ptr<table_guard> guard_;
  std::unique_ptr<database> database_;
  mutable std::shared_mutex mutex_;
  /// Passed before `mutex_`, so that readers cannot keep a writer out.
  mutable std::mutex turnstile_;
  mutable std::mutex writing_;
  std::atomic<bool> poisoned_{false};
  std::atomic<std::uint64_t> generation_{1};
  mutable std::atomic<std::int64_t> space_checked_{0};
  mutable std::atomic<bool> short_of_space_{false};
  mutable std::atomic<std::uint64_t> reads_{0};
  std::atomic<std::uint64_t> writes_{0};
};

} // namespace cloister::persistence
