// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/session_store.hpp"

#include "core/encoding.hpp"
#include "core/limits.hpp"
#include "core/organization_share.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint64_t room_unit = 128;
/// Records that one step of a scan copies.
constexpr std::size_t page_records = 64;
/// What a record takes in memory beside its value, roughly.
constexpr std::size_t place_overhead_bytes = 144;

/// The part of a key behind partition and tag.
bytes_view own_part(bytes_view key) {
  return key.substr(key_prefix_bytes);
}

error unreadable() {
  return {errc::corrupted, "a record of this session cannot be read back from "
                           "its file"};
}

} // namespace

bytes encode_session_record(bytes_view key, bytes_view sealed) {
  bytes out;
  byte_writer writer{out};
  writer.u32(static_cast<std::uint32_t>(1 + key.size() + sealed.size()));
  writer.u8(static_cast<std::uint8_t>(key.size()));
  out += key;
  out += sealed;
  return out;
}

std::optional<session_file_record> decode_session_record(bytes_view data) {
  byte_reader reader{data};
  auto size = reader.u32();
  if (!reader.ok() || size == 0 || reader.rest().size() < size)
    return std::nullopt;
  auto body = data.substr(sizeof size, size);
  auto key_size = static_cast<unsigned char>(body.front());
  if (body.size() < 1u + key_size)
    return std::nullopt;
  return session_file_record{bytes{body.substr(1, key_size)},
                             bytes{body.substr(1u + key_size)}};
}

std::uint64_t session_record_room(std::uint64_t size) {
  return (size + room_unit - 1) / room_unit * room_unit;
}

session_files::session_files(std::shared_ptr<file_system> files,
                             std::string directory, session_room room)
  : room_(room), files_(std::move(files)), directory_(std::move(directory)) {}

std::shared_ptr<session_files::share>
session_files::share_of(bytes_view partition) {
  std::lock_guard guard{mutex_};
  auto& known = shares_[bytes{partition}];
  auto out = known.lock();
  if (!out) {
    std::erase_if(shares_, [&](const auto& each) {
      return each.first != partition && each.second.expired();
    });
    out = std::make_shared<share>();
    known = out;
  }
  return out;
}

bool session_files::has_memory(const share& own) const {
  return memory_bytes() < room_.memory_bytes
         && own.memory_bytes < organization_share(room_.memory_bytes);
}

bool session_files::has_files(const share& own) const {
  return open_files() < room_.files
         && own.files < organization_share(room_.files);
}

result<void> session_files::remove_all() {
  if (!files_->exists(directory_))
    return {};
  auto names = files_->list(directory_);
  if (names.has_error())
    return names.error();
  for (const auto& name : *names)
    if (auto done = files_->remove(directory_ + '/' + name); done.has_error())
      return done;
  return {};
}

session_store::session_store(std::shared_ptr<session_files> among,
                             key_space space, std::size_t memory_max)
  : among_(std::move(among)),
    space_(space),
    share_(
      among_->share_of(space_.everything().substr(0, sizeof(partition_id)))),
    memory_max_(memory_max) {}

session_store::~session_store() {
  count_memory(-static_cast<std::int64_t>(memory_bytes_));
  if (!file_)
    return;
  file_.reset();
  // What stays is removed at the next start; no key opens it.
  static_cast<void>(among_->files_->remove(path_));
  --among_->open_files_;
  --share_->files;
}

void session_store::count_memory(std::int64_t bytes) {
  among_->memory_bytes_ += bytes;
  share_->memory_bytes += bytes;
}

result<void> session_store::open_file() {
  if (file_)
    return {};
  if (auto made = among_->files_->make_directory(among_->directory_);
      made.has_error())
    return made;
  auto number = among_->last_.fetch_add(1, std::memory_order_relaxed) + 1;
  path_ = among_->directory_ + '/' + std::to_string(number);
  auto file = among_->files_->open_random(path_, open_mode::read_write);
  if (file.has_error())
    return file.error();
  file_ = std::move(*file);
  ++among_->open_files_;
  ++share_->files;
  return {};
}

/// Where a value goes; one that goes to the file is written. `memory` is what
/// values before it take.
result<session_store::place> session_store::make_place(bytes_view key,
                                                       const bytes& value,
                                                       std::size_t memory) {
  place out;
  auto is_full = !among_->has_memory(*share_);
  auto too_many = !file_ && !among_->has_files(*share_);
  if (is_full && too_many)
    return error{errc::overloaded,
                 "open sessions hold too much; end some of them, or try again",
                 limits::overload_retry_hint};
  auto fits = memory + value.size() <= memory_max_ && !is_full;
  if (fits || too_many) {
    out.in_memory = value;
    return out;
  }
  if (auto opened = open_file(); opened.has_error())
    return opened.error();
  auto record = encode_session_record(own_part(key), value);
  record.resize(session_record_room(record.size()), '\0');
  out.in_file = true;
  out.size = static_cast<std::uint32_t>(record.size());
  out.offset = free_.take(record.size());
  if (auto done = file_->write(out.offset, record); done.has_error()) {
    free_.give_back(out.offset, out.size);
    return error{errc::unavailable, "the session's file cannot be written ("
                                      + done.error().detail
                                      + "); free some space"};
  }
  return out;
}

result<void> session_store::write(const write_batch& batch,
                                  const std::function<result<void>()>& before) {
  std::lock_guard guard{mutex_};
  std::vector<place> made;
  auto memory = memory_bytes_;
  auto take_back = [&](error why) {
    for (const auto& each : made)
      if (each.in_file)
        free_.give_back(each.offset, each.size);
    return why;
  };
  for (const auto& change : batch.changes()) {
    if (change.erased || !is_own(change.key.view()))
      continue;
    auto next = make_place(change.key.view(), change.value, memory);
    if (next.has_error())
      return take_back(next.error());
    memory += next->in_memory.size();
    made.push_back(std::move(*next));
  }
  if (auto ready = before(); ready.has_error())
    return take_back(ready.error());
  auto former = memory_bytes_;
  auto next = made.begin();
  for (const auto& change : batch.changes()) {
    if (!is_own(change.key.view()))
      continue;
    if (change.erased)
      remove(own_part(change.key.view()));
    else
      put(own_part(change.key.view()), std::move(*next++));
  }
  count_memory(static_cast<std::int64_t>(memory_bytes_)
               - static_cast<std::int64_t>(former));
  return {};
}

void session_store::give_back(const place& old) {
  memory_bytes_ -= place_overhead_bytes + old.in_memory.size();
  if (old.in_file)
    free_.give_back(old.offset, old.size);
}

void session_store::put(bytes_view key, place made) {
  memory_bytes_ += place_overhead_bytes + made.in_memory.size();
  auto found = places_.find(key);
  if (found == places_.end()) {
    places_.emplace(bytes{key}, std::move(made));
    return;
  }
  give_back(found->second);
  found->second = std::move(made);
}

void session_store::remove(bytes_view key) {
  auto found = places_.find(key);
  if (found == places_.end())
    return;
  give_back(found->second);
  places_.erase(found);
}

/// The file is read while nobody can write over the record.
result<bytes> session_store::value_of(bytes_view key, const place& at) const {
  if (!at.in_file)
    return at.in_memory;
  bytes scratch(at.size, '\0');
  auto read = file_->read(at.offset, at.size, scratch.data());
  if (read.has_error())
    return read.error();
  auto record = decode_session_record(*read);
  if (!record || record->key != key)
    return unreadable();
  return std::move(record->sealed);
}

result<std::optional<bytes>> session_store::get(const storage_key& key) const {
  if (!is_own(key.view()))
    return std::optional<bytes>{};
  std::lock_guard guard{mutex_};
  auto found = places_.find(own_part(key.view()));
  if (found == places_.end())
    return std::optional<bytes>{};
  auto value = value_of(found->first, found->second);
  if (value.has_error())
    return value.error();
  return std::optional<bytes>{std::move(*value)};
}

result<void> session_store::scan(
  bytes_view prefix, bytes_view from,
  const std::function<bool(bytes_view key, bytes_view value)>& visit) const {
  if (!is_own(prefix))
    return {};
  auto wanted = own_part(prefix);
  auto next = bytes{wanted} + bytes{from};
  for (bool more = true; more;) {
    std::vector<std::pair<bytes, bytes>> page;
    {
      std::lock_guard guard{mutex_};
      auto at = places_.lower_bound(next);
      for (; at != places_.end() && at->first.starts_with(wanted)
             && page.size() < page_records;
           ++at) {
        auto value = value_of(at->first, at->second);
        if (value.has_error())
          return value.error();
        page.emplace_back(at->first, std::move(*value));
      }
      more = at != places_.end() && at->first.starts_with(wanted);
    }
    for (const auto& [key, value] : page)
      if (!visit(bytes{space_.everything()} + key, value))
        return {};
    if (!page.empty())
      next = page.back().first + '\0';
  }
  return {};
}

std::uint64_t session_store::stored_bytes() const {
  std::lock_guard guard{mutex_};
  return memory_bytes_ + free_.end();
}

std::size_t session_store::memory_bytes() const {
  std::lock_guard guard{mutex_};
  return memory_bytes_;
}

} // namespace cloister::persistence
