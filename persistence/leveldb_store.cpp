// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/store.hpp"

#include <chrono>

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include "core/limits.hpp"
#include "persistence/leveldb_env.hpp"

namespace cloister::persistence {

namespace {

constexpr int bloom_bits_per_key = 10;
constexpr std::chrono::milliseconds space_check_interval{100};

leveldb::Slice to_slice(bytes_view data) {
  return {data.data(), data.size()};
}

bytes_view to_view(const leveldb::Slice& slice) {
  return {slice.data(), slice.size()};
}

/// Behind all keys with a prefix: no key is as long.
bytes end_of(bytes_view prefix) {
  constexpr std::size_t rest_bytes_max = 64;
  bytes out{prefix};
  out.append(rest_bytes_max, '\xff');
  return out;
}

leveldb::ReadOptions checked_read() {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  return options;
}

leveldb::ReadOptions scan_read() {
  auto options = checked_read();
  options.fill_cache = false;
  return options;
}

} // namespace

struct store::database {
  std::unique_ptr<leveldb::Env> env;
  std::unique_ptr<leveldb::Cache> cache;
  std::unique_ptr<const leveldb::FilterPolicy> filter;
  std::unique_ptr<leveldb::DB> db;
};

store::store(store_options options)
  : options_(std::move(options)),
    guard_(options_.damage ? std::make_shared<table_guard>(options_.damage)
                           : nullptr) {}

store::~store() = default;

error store::to_error(const leveldb::Status& status) const {
  if (!status.IsCorruption() && is_short_of_space())
    return {errc::unavailable,
            "the disk is full (" + status.ToString() + "); free some space"};
  if (!status.IsCorruption())
    return {errc::unavailable, "the store failed: " + status.ToString()};
  auto suspect = guard_ ? guard_->suspect() : std::string{};
  auto where = suspect.empty() ? options_.path : options_.path + '/' + suspect;
  return {errc::corrupted, where + " is damaged (" + status.ToString()
                             + "); run `cloister doctor --repair`, or restore "
                               "a backup"};
}

/// Fails if any key from `first` to `last` lay in a damaged block.
result<void> store::refuse_damaged(bytes_view first, bytes_view last) const {
  if (!options_.damage || options_.read_damaged)
    return {};
  auto file = options_.damage->touches(first, last);
  if (!file)
    return {};
  return error{errc::corrupted, "records lay in a damaged block of "
                                  + options_.path + '/' + *file
                                  + "; run `cloister doctor --repair`"};
}

result<std::unique_ptr<store>> store::open(store_options options) {
  std::unique_ptr<store> made{new store{std::move(options)}};
  if (auto done = made->open_database(); done.has_error())
    return done.error();
  return made;
}

result<void> store::open_database() {
  // Where CURRENT is missing LevelDB would start anew and remove every table.
  if (!options_.create && !options_.files->exists(options_.path + "/CURRENT"))
    return error{errc::corrupted,
                 options_.path
                   + "/CURRENT is missing; run `cloister doctor "
                     "--repair`, or restore a backup"};
  auto next = std::make_unique<database>();
  next->env = make_leveldb_env(options_.files, guard_);
  next->cache.reset(leveldb::NewLRUCache(options_.block_cache_bytes));
  next->filter.reset(leveldb::NewBloomFilterPolicy(bloom_bits_per_key));
  leveldb::Options options;
  options.create_if_missing = options_.create;
  options.paranoid_checks = true;
  options.env = next->env.get();
  options.write_buffer_size = options_.write_buffer_bytes;
  options.max_open_files = options_.open_files_max;
  options.block_cache = next->cache.get();
  options.filter_policy = next->filter.get();
  options.reuse_logs = false;
  // Sealed bytes do not compress.
  options.compression = leveldb::kNoCompression;
  leveldb::DB* db = nullptr;
  auto status = leveldb::DB::Open(options, options_.path, &db);
  if (!status.ok())
    return to_error(status);
  next->db.reset(db);
  database_ = std::move(next);
  return {};
}

result<void> store::repair(const store_options& options) {
  auto guard
    = options.damage ? std::make_shared<table_guard>(options.damage) : nullptr;
  auto env = make_leveldb_env(options.files, guard);
  std::unique_ptr<const leveldb::FilterPolicy> filter{
    leveldb::NewBloomFilterPolicy(bloom_bits_per_key)};
  leveldb::Options repairing;
  repairing.env = env.get();
  // Without it damaged blocks would be taken over as they are.
  repairing.paranoid_checks = true;
  repairing.filter_policy = filter.get();
  repairing.compression = leveldb::kNoCompression;
  auto status = leveldb::RepairDB(options.path, repairing);
  if (!status.ok())
    return error{errc::unavailable, "rebuilding " + options.path
                                      + " failed: " + status.ToString()};
  return {};
}

result<std::optional<bytes>> store::get(const storage_key& key) const {
  reads_.fetch_add(1, std::memory_order_relaxed);
  std::shared_lock guard{mutex_};
  if (!database_)
    return error{errc::unavailable, "the store is being reopened"};
  bytes value;
  auto status
    = database_->db->Get(checked_read(), to_slice(key.view()), &value);
  if (auto done = refuse_damaged(key.view(), key.view()); done.has_error())
    return done.error();
  if (status.IsNotFound())
    return std::optional<bytes>{};
  if (!status.ok())
    return to_error(status);
  return std::optional{std::move(value)};
}

result<void>
store::scan(bytes_view prefix, bytes_view from,
            const std::function<bool(bytes_view, bytes_view)>& visit) const {
  reads_.fetch_add(1, std::memory_order_relaxed);
  std::shared_lock guard{mutex_};
  if (!database_)
    return error{errc::unavailable, "the store is being reopened"};
  std::unique_ptr<leveldb::Iterator> it{
    database_->db->NewIterator(scan_read())};
  bytes start{prefix};
  start.append(from);
  for (it->Seek(to_slice(start)); it->Valid(); it->Next()) {
    auto key = to_view(it->key());
    if (!key.starts_with(prefix))
      break;
    // Whatever is between the last key and this one may have been damaged.
    if (auto done = refuse_damaged(start, key); done.has_error())
      return done;
    if (!visit(key, to_view(it->value())))
      return {};
  }
  if (!it->status().ok())
    return to_error(it->status());
  return refuse_damaged(start, end_of(prefix));
}

result<void> store::scan_back(
  bytes_view prefix, bytes_view before,
  const std::function<bool(bytes_view, bytes_view)>& visit) const {
  reads_.fetch_add(1, std::memory_order_relaxed);
  std::shared_lock guard{mutex_};
  if (!database_)
    return error{errc::unavailable, "the store is being reopened"};
  std::unique_ptr<leveldb::Iterator> it{
    database_->db->NewIterator(scan_read())};
  bytes end{prefix};
  end.append(before);
  it->Seek(to_slice(end));
  if (it->Valid())
    it->Prev();
  else if (it->status().ok())
    it->SeekToLast();
  for (; it->Valid(); it->Prev()) {
    auto key = to_view(it->key());
    if (!key.starts_with(prefix))
      break;
    if (auto done = refuse_damaged(key, end); done.has_error())
      return done;
    if (!visit(key, to_view(it->value())))
      return {};
  }
  if (!it->status().ok())
    return to_error(it->status());
  return refuse_damaged(prefix, end);
}

result<std::optional<bytes>> store::last_key(bytes_view prefix) const {
  std::optional<bytes> last;
  auto done = scan_back(prefix, "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                        [&last](bytes_view key, bytes_view) {
                          last = bytes{key};
                          return false;
                        });
  if (done.has_error())
    return done.error();
  return last;
}

result<void>
store::write(std::span<const std::shared_ptr<write_batch>> batches) {
  writes_.fetch_add(1, std::memory_order_relaxed);
  if (poisoned())
    return error{errc::unavailable, "the store is recovering from a failed "
                                    "write; try again"};
  leveldb::WriteBatch joined;
  for (const auto& batch : batches) {
    for (const auto& change : batch->changes()) {
      if (change.erased)
        joined.Delete(to_slice(change.key.view()));
      else
        joined.Put(to_slice(change.key.view()), to_slice(change.value));
    }
  }
  leveldb::WriteOptions options;
  options.sync = true;
  std::shared_lock guard{mutex_};
  if (!database_)
    return error{errc::unavailable, "the store is being reopened"};
  auto status = database_->db->Write(options, &joined);
  if (status.ok())
    return {};
  poison();
  return error{errc::unavailable, "writing failed and its outcome is unknown ("
                                    + status.ToString() + "); try again"};
}

result<void> store::reopen() {
  std::unique_lock guard{mutex_};
  database_.reset();
  if (auto done = open_database(); done.has_error())
    return done;
  generation_.fetch_add(1, std::memory_order_acq_rel);
  poisoned_.store(false, std::memory_order_release);
  return {};
}

bool store::is_short_of_space() const {
  using namespace std::chrono;
  auto now = duration_cast<milliseconds>(steady_clock::now().time_since_epoch())
               .count();
  auto last = space_checked_.load(std::memory_order_relaxed);
  if (now - last >= space_check_interval.count()
      && space_checked_.compare_exchange_strong(last, now)) {
    auto space = options_.files->free_space(options_.path);
    short_of_space_.store(space && *space < limits::free_space_bytes_min,
                          std::memory_order_relaxed);
  }
  return short_of_space_.load(std::memory_order_relaxed);
}

store_counters store::counters() const noexcept {
  return {reads_.load(std::memory_order_relaxed),
          writes_.load(std::memory_order_relaxed)};
}

result<void> store::find_damage() const {
  std::shared_lock guard{mutex_};
  if (!database_)
    return error{errc::unavailable, "the store is being reopened"};
  std::unique_ptr<leveldb::Iterator> it{
    database_->db->NewIterator(scan_read())};
  for (it->SeekToFirst(); it->Valid();)
    it->Next();
  if (!it->status().ok())
    return to_error(it->status());
  return {};
}

result<void> store::rewrite_damaged(const std::vector<damaged_block>& proven) {
  if (!options_.damage || proven.empty())
    return {};
  {
    // A compaction leaves a table alone that nothing above overlaps. Removing
    // keys that cannot exist, on both sides of the block, overlaps it.
    leveldb::WriteBatch nudges;
    for (const auto& block : proven) {
      auto below = block.keys.empty() ? block.after : block.keys.front();
      auto above = block.keys.empty() ? block.up_to : block.keys.back();
      if (block.keys.empty())
        below.push_back('\0');
      else
        below.pop_back();
      above.push_back('\0');
      nudges.Delete(below);
      nudges.Delete(above);
    }
    std::shared_lock guard{mutex_};
    if (!database_)
      return error{errc::unavailable, "the store is being reopened"};
    auto status = database_->db->Write({}, &nudges);
    if (!status.ok())
      return to_error(status);
    database_->db->CompactRange(nullptr, nullptr);
    // What failed in the background is told to the next writer.
    leveldb::WriteOptions synced;
    synced.sync = true;
    leveldb::WriteBatch nothing;
    if (status = database_->db->Write(synced, &nothing); !status.ok())
      return to_error(status);
  }
  return options_.damage->forget(proven);
}

void store::compact() {
  std::shared_lock guard{mutex_};
  if (database_)
    database_->db->CompactRange(nullptr, nullptr);
}

} // namespace cloister::persistence
