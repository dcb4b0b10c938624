// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "persistence/file_system.hpp"

namespace cloister::test {

/// What happens at one chosen call that changes something.
enum class fault {
  /// The call fails and does nothing.
  fail,
  /// Half of the data is written, then the call fails.
  tear,
  /// This and all later calls that need space fail until `free_up`.
  no_space,
  /// The power goes: this and all later calls fail; see `after_power_loss`.
  power_loss,
};

/// Files in memory that remember what was synced, directory entries included.
/// Thread-safe.
class simulated_file_system final : public persistence::file_system {
public:
  /// Has the call with this number (from 1, counted from now) go wrong.
  void plan(std::uint64_t call, fault what);
  void free_up();
  /// Changing calls since `plan`, or since the beginning.
  std::uint64_t calls() const;
  bool fault_happened() const;

  /// What a machine would find after the power went: synced contents under
  /// synced names, and nothing else.
  std::shared_ptr<simulated_file_system> after_power_loss() const;

  /// What a process would find that was killed: everything handed over.
  std::shared_ptr<simulated_file_system> after_kill() const;

  /// Flips one bit of a file.
  void flip(const std::string& path, std::size_t byte, int bit);
  std::string content(const std::string& path) const;
  std::vector<std::string> paths() const;
  void truncate(const std::string& path, std::size_t size);

  result<std::unique_ptr<persistence::appendable_file>>
  create(const std::string& path) override;
  result<std::unique_ptr<persistence::appendable_file>>
  open_append(const std::string& path) override;
  result<std::unique_ptr<persistence::random_file>>
  open_random(const std::string& path, persistence::open_mode mode) override;
  bool exists(const std::string& path) override;
  result<std::vector<std::string>> list(const std::string& path) override;
  result<void> remove(const std::string& path) override;
  result<void> make_directory(const std::string& path) override;
  result<void> remove_directory(const std::string& path) override;
  result<std::uint64_t> file_size(const std::string& path) override;
  result<void> rename(const std::string& from, const std::string& to) override;
  result<void> sync_directory(const std::string& path) override;
  result<std::unique_ptr<persistence::file_lock>>
  lock(const std::string& path) override;
  result<std::uint64_t> free_space(const std::string& path) override;
  result<void> preallocate(const std::string& path,
                           std::uint64_t size) override;

  /// Whether removing a file called "reserve" ends `fault::no_space`.
  bool reserve_makes_room = false;
  /// What `free_space` answers.
  std::atomic<std::uint64_t> space{std::uint64_t{1} << 40};

private:
  struct inode {
    std::string content;
    std::string durable;
    bool locked = false;
  };
  using inode_ptr = std::shared_ptr<inode>;
  struct appender;
  struct randomizer;
  struct holder;

  /// Counts a changing call; answers what should go wrong.
  std::optional<fault> next_call(bool needs_space);
  result<void> rename_directory(const std::string& from, const std::string& to);
  static error failed();
  result<std::unique_ptr<persistence::appendable_file>>
  appendable(const std::string& path, bool empty);

  mutable std::mutex mutex_;
  std::map<std::string, inode_ptr> files_;
  std::map<std::string, inode_ptr> durable_files_;
  /// Directories that were renamed, and not synced.
  std::vector<std::pair<std::string, std::string>> renamed_;
  std::uint64_t calls_ = 0;
  std::uint64_t planned_ = 0;
  fault what_ = fault::fail;
  bool happened_ = false;
  bool full_ = false;
  bool dead_ = false;
};

} // namespace cloister::test
