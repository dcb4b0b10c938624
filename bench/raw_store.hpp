// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

namespace cloister::bench {

/// LevelDB by itself, with the options that Cloister gives it: what the disk
/// and the database allow. Thread-safe.
class raw_store {
public:
  /// Each put has this many bytes, key and value together.
  raw_store(const std::string& path, std::size_t put_bytes);
  ~raw_store();

  /// One synced put of a new key in one of 256 ranges, as scopes are.
  void put(std::size_t range);

private:
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
  std::string values_;
  std::vector<std::string> prefixes_;
  std::size_t value_bytes_;
  std::atomic<std::uint64_t> next_{0};
};

/// The bytes of the logs of a LevelDB.
std::uint64_t log_bytes(const std::string& path);

} // namespace cloister::bench
