// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/raw_store.hpp"

#include <filesystem>
#include <stdexcept>

#include <leveldb/options.h>

#include "bench/text.hpp"
#include "core/encoding.hpp"
#include "persistence/store.hpp"

namespace cloister::bench {

namespace {

/// As in persistence/leveldb_store.cpp.
constexpr int bloom_bits_per_key = 10;
/// As long as a memory's key: partition, tag, kind and number.
constexpr std::size_t tag_bytes = 2 + 16 + 1;
constexpr std::size_t key_bytes = tag_bytes + 8;
/// Where values are cut out of.
constexpr std::size_t noise_bytes = 1024 * 1024;
constexpr std::size_t ranges = 256;

void check(const leveldb::Status& status) {
  if (!status.ok())
    throw std::runtime_error{"LevelDB failed: " + status.ToString()};
}

} // namespace

raw_store::raw_store(const std::string& path, std::size_t put_bytes)
  : filter_(leveldb::NewBloomFilterPolicy(bloom_bits_per_key)),
    values_(noise(1, noise_bytes)),
    value_bytes_(put_bytes - key_bytes) {
  for (std::size_t i = 0; i < ranges; ++i)
    prefixes_.push_back(noise(i, tag_bytes));
  persistence::store_options same;
  cache_.reset(leveldb::NewLRUCache(same.block_cache_bytes));
  leveldb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.write_buffer_size = same.write_buffer_bytes;
  options.max_open_files = same.open_files_max;
  options.block_cache = cache_.get();
  options.filter_policy = filter_.get();
  options.reuse_logs = false;
  options.compression = leveldb::kNoCompression;
  leveldb::DB* db = nullptr;
  check(leveldb::DB::Open(options, path, &db));
  db_.reset(db);
}

raw_store::~raw_store() = default;

void raw_store::put(std::size_t range) {
  auto number = next_++;
  auto key = prefixes_[range];
  byte_writer{key}.u64(number);
  auto from = number * value_bytes_ % (noise_bytes - value_bytes_);
  leveldb::WriteOptions options;
  options.sync = true;
  check(db_->Put(options, key,
                 leveldb::Slice{values_.data() + from, value_bytes_}));
}

std::uint64_t log_bytes(const std::string& path) {
  std::uint64_t sum = 0;
  for (const auto& file : std::filesystem::directory_iterator{path})
    if (file.path().extension() == ".log")
      sum += file.file_size();
  return sum;
}

} // namespace cloister::bench
