// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "persistence/file_system.hpp"
#include "persistence/free_space.hpp"
#include "persistence/record_source.hpp"
#include "persistence/write_batch.hpp"

namespace cloister::persistence {

// What ephemeral sessions have on disk: nothing, until one outgrows its share
// of memory. Then it has a file of its own, which goes with it; one that a dead
// process left is removed at the next start. Nothing is ever synced.
//
//   file   := record*                         sessions/<number>
//   record := size:be32 key_size:u8 key sealed zeros
//             (size is of what follows it, without the zeros; a record takes a
//             multiple of 128 bytes)
//
// Records that were removed are written over by later ones, so a file may have
// pieces of them in between.

/// One record of such a file.
bytes encode_session_record(bytes_view key, bytes_view sealed);

/// The key and the sealed value of a record at the beginning of `data`; nothing
/// if there is none.
struct session_file_record {
  bytes key;
  bytes sealed;
};
std::optional<session_file_record> decode_session_record(bytes_view data);

/// How much of a file a record of this size takes.
std::uint64_t session_record_room(std::uint64_t bytes);

/// How many files there may be, and bytes of records in memory.
struct session_room {
  std::size_t files = limits::session_files_max;
  std::int64_t memory_bytes = limits::sessions_memory_bytes_max;
};

/// What the sessions of one node share. No partition has more than three
/// quarters of the room; organizations that share one share that. Thread-safe.
class session_files {
public:
  session_files(std::shared_ptr<file_system> files, std::string directory,
                session_room room = {});

  /// Removes what a dead process left.
  result<void> remove_all();

  const std::string& directory() const {
    return directory_;
  }

  /// How many files there are, and bytes of records in memory.
  std::size_t open_files() const {
    return open_files_.load(std::memory_order_relaxed);
  }
  std::int64_t memory_bytes() const {
    return memory_bytes_.load(std::memory_order_relaxed);
  }

private:
  friend class session_store;
  /// What one partition has of it.
  struct share {
    std::atomic<std::size_t> files{0};
    std::atomic<std::int64_t> memory_bytes{0};
  };

  std::shared_ptr<share> share_of(bytes_view partition);
  bool has_memory(const share& own) const;
  bool has_files(const share& own) const;

  const session_room room_;
  std::shared_ptr<file_system> files_;
  std::string directory_;
  std::atomic<std::size_t> open_files_{0};
  std::atomic<std::int64_t> memory_bytes_{0};
  std::atomic<std::uint64_t> last_{0};
  std::mutex mutex_;
  std::map<bytes, std::weak_ptr<share>, std::less<>> shares_;
};

/// The sealed records of one ephemeral session. Reads are thread-safe, also
/// beside the one thread that writes.
class session_store final : public record_source {
public:
  /// Records beyond `memory_max` bytes go to a file.
  session_store(std::shared_ptr<session_files> among, key_space space,
                std::size_t memory_max);
  /// Removes the file.
  ~session_store() override;
  session_store(const session_store&) = delete;
  session_store& operator=(const session_store&) = delete;

  /// Applies what a batch does to this scope's own records; others are none of
  /// its business. Calls `before` when nothing can go wrong any more, and
  /// changes nothing if that fails. Fails with `unavailable` where the file
  /// cannot be written.
  result<void> write(const write_batch& batch,
                     const std::function<result<void>()>& before);

  result<std::optional<bytes>> get(const storage_key& key) const override;
  result<void> scan(bytes_view prefix, bytes_view from,
                    const std::function<bool(bytes_view key, bytes_view value)>&
                      visit) const override;

  /// Of all records, in memory or not.
  std::uint64_t stored_bytes() const;
  /// Of records in memory.
  std::size_t memory_bytes() const;

private:
  struct place {
    bytes in_memory;
    /// Of the file, where it is not in memory.
    std::uint64_t offset = 0;
    std::uint32_t size = 0;
    bool in_file = false;
  };
  /// By the part of the key behind partition and tag.
  using place_map = std::map<bytes, place, std::less<>>;

  bool is_own(bytes_view key) const {
    return key.starts_with(space_.everything());
  }
  result<place> make_place(bytes_view key, const bytes& value,
                           std::size_t memory);
  result<void> open_file();
  void count_memory(std::int64_t bytes);
  void give_back(const place& old);
  void put(bytes_view key, place made);
  void remove(bytes_view key);
  result<bytes> value_of(bytes_view key, const place& at) const;

  std::shared_ptr<session_files> among_;
  key_space space_;
  std::shared_ptr<session_files::share> share_;
  std::size_t memory_max_;
  mutable std::mutex mutex_;
  place_map places_;
  std::size_t memory_bytes_ = 0;
  std::unique_ptr<random_file> file_;
  std::string path_;
  free_space free_;
};

} // namespace cloister::persistence
