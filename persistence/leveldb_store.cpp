// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/store.hpp"

#include <chrono>
#include <set>

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include "core/limits.hpp"
#include "persistence/leveldb_env.hpp"
#include "persistence/log_format.hpp"

namespace cloister::persistence {

namespace {

constexpr int bloom_bits_per_key = 10;
constexpr std::chrono::milliseconds space_check_interval{100};
constexpr std::size_t scan_page_records = 256;
constexpr std::size_t scan_page_bytes = 1024 * 1024;

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
  std::mutex mutex;
  /// Those that are held.
  std::set<const leveldb::Snapshot*> snapshots;

  ~database() {
    for (auto each : snapshots)
      db->ReleaseSnapshot(each);
  }
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
  // LevelDB speaks of CURRENT by name, of others by what is wrong.
  if (status.ToString().find("CURRENT") != std::string::npos)
    suspect = "CURRENT";
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
  if (auto done = check_log_tails(); done.has_error())
    return done;
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

/// LevelDB takes a record that is longer than its file for one that was being
/// written, and would start without it and all behind it. A damaged length
/// looks like that, too.
result<void> store::check_log_tails() const {
  auto& files = *options_.files;
  auto names = files.list(options_.path);
  if (names.has_error()) // A new one.
    return {};
  for (const auto& name : *names) {
    if (!name.ends_with(".log") && !name.starts_with("MANIFEST-"))
      continue;
    auto path = options_.path + '/' + name;
    auto size = files.file_size(path);
    auto file = files.open_random(path, open_mode::read_only);
    if (size.has_error() || file.has_error())
      continue; // LevelDB says what it needs.
    auto start = *size / log_block_bytes * log_block_bytes;
    bytes buffer(static_cast<std::size_t>(*size - start), '\0');
    auto block = (*file)->read(start, buffer.size(), buffer.data());
    if (block && is_tail_damaged(*block))
      return error{errc::corrupted,
                   path
                     + " is damaged near its end; run `cloister doctor "
                       "--repair`, or restore a backup"};
  }
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
  auto guard = enter();
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

/// Some records at a time: what is done with them may take long, and must not
/// keep the store from being reopened.
struct store::page {
  std::vector<std::pair<bytes, bytes>> records;
  std::size_t bytes_held = 0;
  bool more = false;
  /// What is wrong behind the records.
  result<void> end;

  void add(bytes_view key, bytes_view value) {
    records.emplace_back(key, value);
    bytes_held += key.size() + value.size();
    more = records.size() >= scan_page_records || bytes_held >= scan_page_bytes;
  }
};

std::shared_lock<std::shared_mutex> store::enter() const {
  std::lock_guard in_line{turnstile_};
  return std::shared_lock{mutex_};
}

store::page store::page_from(bytes_view prefix, bytes_view start,
                             const snapshot* as_of) const {
  page out;
  auto guard = enter();
  if (!database_ || (as_of != nullptr && as_of->generation_ != generation())) {
    out.end = error{errc::unavailable, "the store is being reopened, or was"};
    return out;
  }
  auto how = scan_read();
  if (as_of != nullptr)
    how.snapshot = static_cast<const leveldb::Snapshot*>(as_of->handle_);
  std::unique_ptr<leveldb::Iterator> it{database_->db->NewIterator(how)};
  for (it->Seek(to_slice(start)); it->Valid() && !out.more; it->Next()) {
    auto key = to_view(it->key());
    if (!key.starts_with(prefix))
      break;
    // Whatever is between the last key and this one may have been damaged.
    out.end = refuse_damaged(start, key);
    if (out.end.has_error())
      return out;
    out.add(key, to_view(it->value()));
  }
  // LevelDB passes over what it cannot read, and says so here alone.
  if (!it->status().ok())
    out.end = to_error(it->status());
  else if (!out.more)
    out.end = refuse_damaged(start, end_of(prefix));
  return out;
}

store::page store::page_before(bytes_view prefix, bytes_view end) const {
  page out;
  auto guard = enter();
  if (!database_) {
    out.end = error{errc::unavailable, "the store is being reopened"};
    return out;
  }
  std::unique_ptr<leveldb::Iterator> it{
    database_->db->NewIterator(scan_read())};
  it->Seek(to_slice(end));
  if (it->Valid())
    it->Prev();
  else if (it->status().ok())
    it->SeekToLast();
  for (; it->Valid() && !out.more; it->Prev()) {
    auto key = to_view(it->key());
    if (!key.starts_with(prefix))
      break;
    out.end = refuse_damaged(key, end);
    if (out.end.has_error())
      return out;
    out.add(key, to_view(it->value()));
  }
  if (!it->status().ok())
    out.end = to_error(it->status());
  else if (!out.more)
    out.end = refuse_damaged(prefix, end);
  return out;
}

result<void>
store::scan(bytes_view prefix, bytes_view from,
            const std::function<bool(bytes_view, bytes_view)>& visit) const {
  reads_.fetch_add(1, std::memory_order_relaxed);
  bytes start{prefix};
  start.append(from);
  return scan_all(prefix, std::move(start), nullptr, visit);
}

result<std::unique_ptr<store::snapshot>> store::take_snapshot() const {
  auto guard = enter();
  if (!database_ || poisoned())
    return error{errc::unavailable, "the store is being reopened"};
  auto handle = database_->db->GetSnapshot();
  std::lock_guard held{database_->mutex};
  database_->snapshots.insert(handle);
  return std::unique_ptr<snapshot>{new snapshot{*this, generation(), handle}};
}

store::snapshot::~snapshot() {
  auto guard = of_.enter();
  if (!of_.database_ || generation_ != of_.generation())
    return;
  auto handle = static_cast<const leveldb::Snapshot*>(handle_);
  std::lock_guard held{of_.database_->mutex};
  if (of_.database_->snapshots.erase(handle) > 0)
    of_.database_->db->ReleaseSnapshot(handle);
}

result<void> store::snapshot::scan(
  const std::function<bool(bytes_view, bytes_view)>& visit) const {
  return of_.scan_all({}, {}, this, visit);
}

result<void> store::scan_all(
  bytes_view prefix, bytes start, const snapshot* as_of,
  const std::function<bool(bytes_view, bytes_view)>& visit) const {
  for (;;) {
    auto some = page_from(prefix, start, as_of);
    for (const auto& [key, value] : some.records)
      if (!visit(key, value))
        return {};
    if (some.end.has_error() || !some.more)
      return some.end;
    start = std::move(some.records.back().first);
    start.push_back('\0');
  }
}

result<void> store::scan_back(
  bytes_view prefix, bytes_view before,
  const std::function<bool(bytes_view, bytes_view)>& visit) const {
  reads_.fetch_add(1, std::memory_order_relaxed);
  bytes end{prefix};
  end.append(before);
  for (;;) {
    auto some = page_before(prefix, end);
    for (const auto& [key, value] : some.records)
      if (!visit(key, value))
        return {};
    if (some.end.has_error() || !some.more)
      return some.end;
    end = std::move(some.records.back().first);
  }
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
  auto guard = enter();
  if (!database_)
    return error{errc::unavailable, "the store is being reopened"};
  auto status = database_->db->Write(options, &joined);
  if (status.ok())
    return {};
  poison();
  return error{errc::unavailable, "writing failed and its outcome is unknown ("
                                    + status.ToString() + "); try again"};
}

result<void> store::import(const std::vector<std::pair<bytes, bytes>>& records,
                           bool synced) {
  leveldb::WriteBatch joined;
  for (const auto& [key, value] : records)
    joined.Put(to_slice(key), to_slice(value));
  leveldb::WriteOptions options;
  options.sync = synced;
  auto guard = enter();
  if (!database_)
    return error{errc::unavailable, "the store is being reopened"};
  auto status = database_->db->Write(options, &joined);
  if (!status.ok())
    return to_error(status);
  return {};
}

result<void> store::reopen() {
  // Whoever comes to read from now on waits: readers must not go on for ever.
  std::lock_guard in_line{turnstile_};
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
  auto guard = enter();
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
    auto guard = enter();
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
  auto guard = enter();
  if (database_)
    database_->db->CompactRange(nullptr, nullptr);
}

} // namespace cloister::persistence
