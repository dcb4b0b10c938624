// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
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
//            sealed                           length and checksum cover the rest
//
// A file is removed once all its entries are in their chains.

/// Where an entry went; given back with `settle`.
struct journal_position {
  std::uint64_t sequence = 0;
  std::uint64_t file = 0;
};

/// An entry that a dead process had not taken into its chain.
struct recovered_entry {
  std::uint64_t sequence = 0;
  scope_tag organization{};
  bytes sealed;
};

/// Thread-safe.
class audit_journal {
public:
  /// Reads what a former process left. `epoch` grows with every start of the
  /// node, and with it the sequence numbers.
  static result<std::unique_ptr<audit_journal>>
  open(std::shared_ptr<file_system> files, const std::string& directory,
       std::uint32_t epoch);

  /// Hands one sealed entry to the kernel.
  result<journal_position> append(const scope_tag& organization,
                                  const scope_tag& tag, bytes_view sealed);

  /// Tells that entries of one file are durable elsewhere.
  void settle(std::uint64_t file, std::size_t count);

  /// What was left, by scope, in order. Stays on disk until
  /// `discard_recovered`.
  const std::map<scope_tag, std::vector<recovered_entry>>& recovered() const {
    return recovered_;
  }
  void discard_recovered();

  ~audit_journal();

private:
  struct journal_file {
    std::unique_ptr<appendable_file> file;
    std::string path;
    std::uint64_t bytes = 0;
    std::size_t outstanding = 0;
  };

  audit_journal(std::shared_ptr<file_system> files, std::string directory,
                std::uint64_t first_sequence);
  result<void> recover();
  result<void> start_part();
  void remove_if_settled(std::uint64_t number);

  std::shared_ptr<file_system> files_;
  std::string directory_;
  std::mutex mutex_;
  std::uint64_t next_sequence_;
  std::uint64_t current_ = 0;
  std::map<std::uint64_t, journal_file> parts_;
  std::map<scope_tag, std::vector<recovered_entry>> recovered_;
  std::vector<std::string> recovered_paths_;
};

} // namespace cloister::persistence
