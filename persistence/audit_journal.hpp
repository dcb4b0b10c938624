// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "persistence/file_system.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::persistence {

// Audit entries of reads and refusals on their way into their chain. An entry
// is handed to the kernel here before the answer goes out, so it survives the
// death of the process without waiting for a sync; the scope takes it into its
// chain, synced, within `limits::audit_sync_delay_max`.
//
//   file  := entry*                           audit-journal.<number>
//   entry := length:be32 checksum:be32 sequence:be64 organization:16 tag:16
//            sealed             (length and checksum cover what follows them)
//
// A file is removed once all its entries are in their chains; one in which
// something cannot be read is kept as damaged-audit-journal.<number>.
//
// The journal keeps entries in memory too: an engine that ended with entries
// left, in this process or one before, is followed by one that takes them over.

/// An entry that is not known to be in its chain yet.
struct journal_entry {
  /// Grows with each entry, over restarts too.
  std::uint64_t sequence = 0;
  bytes sealed;
};

/// A scope with entries of a former process.
struct journal_owner {
  scope_tag organization{};
  scope_tag tag{};
};

/// Thread-safe.
class audit_journal {
public:
  /// Reads what a former process left. `epoch` grows with every start of the
  /// node, and with it the sequence numbers.
  static result<std::unique_ptr<audit_journal>>
  open(std::shared_ptr<file_system> files, const std::string& directory,
       std::uint32_t epoch);

  /// A file with entries that cannot be read is kept under its name with this
  /// before it.
  static constexpr std::string_view damaged_prefix = "damaged-";

  /// Hands one sealed entry to the kernel; answers its sequence number. Fails
  /// with `overloaded` while too many wait for their chains.
  result<std::uint64_t> append(const scope_tag& organization,
                               const scope_tag& tag, bytes_view sealed);

  /// The entries of a scope that are not settled, in order.
  std::vector<journal_entry> unsettled(const scope_tag& tag) const;

  /// Tells that a scope's entries up to a sequence number are durable in its
  /// chain.
  void settle(const scope_tag& tag, std::uint64_t up_to);

  /// How many are not known to be in their chains yet.
  std::size_t unsettled_entries() const;

  /// The scopes that a former process left entries of.
  const std::vector<journal_owner>& left_behind() const {
    return left_behind_;
  }

  ~audit_journal();

private:
  struct journal_file {
    std::unique_ptr<appendable_file> file;
    std::string path;
    std::uint64_t bytes = 0;
    std::size_t outstanding = 0;
    /// Something in it cannot be read.
    bool damaged = false;
  };
  struct kept_entry {
    std::uint64_t sequence = 0;
    std::uint64_t file = 0;
    bytes sealed;
  };

  audit_journal(std::shared_ptr<file_system> files, std::string directory,
                std::uint64_t first_sequence);
  result<void> recover();
  result<void> recover_file(std::uint64_t number, const std::string& path);
  result<void> start_part();
  result<void> write(bytes_view entry);
  void remove_if_settled(std::uint64_t number);
  void dispose(const journal_file& part);

  std::shared_ptr<file_system> files_;
  std::string directory_;
  mutable std::mutex mutex_;
  std::uint64_t next_sequence_;
  std::uint64_t current_ = 0;
  std::map<std::uint64_t, journal_file> parts_;
  std::map<scope_tag, std::deque<kept_entry>> unsettled_;
  std::vector<journal_owner> left_behind_;
  std::size_t unsettled_bytes_ = 0;
};

} // namespace cloister::persistence
