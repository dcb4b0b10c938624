// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/backup.hpp"

#include <algorithm>

#include "core/encoding.hpp"
#include "core/limits.hpp"

namespace cloister::persistence {

namespace {

/// Records that are put back in one go.
constexpr std::size_t import_bytes = 4 * 1024 * 1024;

error stopped() {
  return {errc::unavailable, "it was stopped"};
}

std::array<std::uint8_t, 16> id_of(const data_directory& directory) {
  auto id = from_hex(directory.id()).value_or(bytes(16, '\0'));
  return byte_reader{id}.array<16>();
}

result<void> write_keys(backup_writer& out, const bytes& passphrase,
                        const std::vector<slot_write>& slots) {
  bytes first;
  byte_writer{first}.string(passphrase);
  if (auto done = out.add(first); done.has_error())
    return done;
  for (const auto& slot : slots) {
    bytes item;
    byte_writer writer{item};
    writer.u64(slot.slot);
    writer.raw(slot.owner);
    writer.u32(slot.master_version);
    writer.u32(slot.data_epoch);
    writer.string(slot.wrapped);
    if (auto done = out.add(item); done.has_error())
      return done;
  }
  return out.finish();
}

result<void> write_records(backup_writer& out, const store::snapshot& as_of,
                           backup_summary& summary,
                           const backup_watcher& watch) {
  result<void> failure;
  auto done = as_of.scan([&](bytes_view key, bytes_view value) {
    bytes item;
    byte_writer writer{item};
    writer.string(key);
    writer.string(value);
    failure = out.add(item);
    ++summary.records;
    if (failure && watch && !watch({summary.records, out.bytes_written()}))
      failure = stopped();
    return failure.has_value();
  });
  if (done.has_error())
    return done;
  return failure.has_error() ? failure : out.finish();
}

/// How the master key comes of a passphrase, if it does; no secret.
result<bytes> passphrase_file(const data_directory& directory) {
  auto path = directory.passphrase_path();
  if (!directory.files()->exists(path))
    return bytes{};
  return read_file(*directory.files(), path);
}

/// Records and keys of one time.
struct moment {
  std::unique_ptr<store::snapshot> records;
  std::vector<slot_write> slots;
  bytes passphrase;
  std::uint32_t master_version = 1;
};

result<moment> take_moment(const node_store& from) {
  auto nobody_writes = from.records->hold_writes();
  if (from.node->master->is_rotating())
    return error{errc::unavailable,
                 "the master key is being rotated; try again when that is done",
                 limits::overload_retry_hint};
  auto records = from.records->take_snapshot();
  if (records.has_error())
    return records.error();
  auto slots = from.slots->all_used();
  if (slots.has_error())
    return slots.error();
  auto passphrase = passphrase_file(*from.directory);
  if (passphrase.has_error())
    return passphrase.error();
  return moment{std::move(*records), std::move(*slots), std::move(*passphrase),
                from.node->master->version()};
}

} // namespace

namespace {

/// Whether the files of a backup may be made. One that a killed process left
/// has its keys, and the beginning of its records under another name: it is
/// written over.
result<void> check_free(file_system& files, const std::string& path,
                        const std::string& keys_path) {
  if (files.exists(path))
    return error{errc::conflict,
                 path + " is there already; choose another name"};
  if (!files.exists(keys_path))
    return {};
  auto keys = read_backup_head(files, keys_path);
  auto begun = read_backup_head(files, backup_writer::partial_of(path));
  if (keys && begun && keys->backup == begun->backup)
    return {};
  return error{errc::conflict,
               keys_path
                 + " is there already, without its records: of a backup whose "
                   "records were moved; choose another name"};
}

result<void> write_both(const moment& taken, backup_writer& records,
                        backup_writer& keys, backup_summary& out,
                        const backup_watcher& watch) {
  if (auto begun = records.flush(); begun.has_error())
    return begun;
  if (auto done = write_keys(keys, taken.passphrase, taken.slots);
      done.has_error())
    return done;
  return write_records(records, *taken.records, out, watch);
}

} // namespace

result<backup_summary> back_up(const node_store& from, const std::string& path,
                               const std::string& keys_path,
                               const std::array<std::uint8_t, 16>& id,
                               timestamp now, const backup_watcher& watch) {
  const auto& files = from.directory->files();
  if (auto free = check_free(*files, path, keys_path); free.has_error())
    return free.error();
  auto taken = take_moment(from);
  if (taken.has_error())
    return taken.error();
  backup_summary out;
  out.head = {backup_kind::records, id, id_of(*from.directory), now,
              taken->master_version};
  out.keys = taken->slots.size();
  auto keys_head = out.head;
  keys_head.kind = backup_kind::keys;
  auto records
    = backup_writer::create(files, path, out.head, from.node->recovery);
  if (records.has_error())
    return records.error();
  auto keys
    = backup_writer::create(files, keys_path, keys_head, from.node->recovery);
  if (keys.has_error()) {
    records->give_up();
    return keys.error();
  }
  if (auto done = write_both(*taken, *records, *keys, out, watch);
      done.has_error()) {
    keys->give_up();
    records->give_up();
    return done.error();
  }
  out.bytes = records->bytes_written() + keys->bytes_written();
  return out;
}

namespace {

/// Which file it is that is damaged, and what is left to be done.
error in_file(const std::string& path, const error& why) {
  if (why.code != errc::corrupted)
    return why;
  return {errc::corrupted, path + ": " + why.detail + "; use another backup"};
}

error damaged_item() {
  return {errc::corrupted, "the backup has something that is no record"};
}

constexpr std::uint64_t slots_max = std::uint64_t{1} << 30;
constexpr std::size_t wrapped_bytes_max = 208;

/// Whoever has the recovery key's public half can make a file.
bool are_plausible(const std::vector<slot_write>& writes) {
  return std::all_of(writes.begin(), writes.end(), [](const auto& one) {
    return one.slot < slots_max && !one.wrapped.empty()
           && one.wrapped.size() <= wrapped_bytes_max;
  });
}

/// Puts the keys back, and the file of the passphrase.
result<std::uint64_t> unpack_keys(backup_reader& from,
                                  const data_directory& directory) {
  auto slots = key_slots::open(directory.files(), directory.slots_path());
  if (slots.has_error())
    return slots.error();
  std::uint64_t items = 0;
  for (;;) {
    auto frame = from.next();
    if (frame.has_error())
      return frame.error();
    if (!*frame)
      break;
    byte_reader reader{**frame};
    if (items == 0) {
      auto passphrase = reader.string();
      ++items;
      if (!passphrase.empty())
        if (auto done = replace_file(*directory.files(),
                                     directory.passphrase_path(), passphrase);
            done.has_error())
          return done.error();
    }
    std::vector<slot_write> writes;
    while (reader.ok() && !reader.rest().empty()) {
      slot_write one;
      one.slot = reader.u64();
      one.owner = reader.array<16>();
      one.master_version = reader.u32();
      one.data_epoch = reader.u32();
      one.wrapped = bytes{reader.string()};
      writes.push_back(std::move(one));
    }
    if (!reader.ok() || !are_plausible(writes))
      return damaged_item();
    items += writes.size();
    if (auto done = (*slots)->write(writes); done.has_error())
      return done.error();
  }
  if (items != from.items())
    return damaged_item();
  return items - 1;
}

result<std::uint64_t> unpack_records(backup_reader& from,
                                     const data_directory& directory,
                                     const backup_watcher& watch) {
  store_options fresh{directory.files(), directory.store_path()};
  fresh.create = true;
  auto records = store::open(std::move(fresh));
  if (records.has_error())
    return records.error();
  std::uint64_t items = 0;
  std::vector<std::pair<bytes, bytes>> some;
  std::size_t size = 0;
  for (bool more = true; more;) {
    auto frame = from.next();
    if (frame.has_error())
      return frame.error();
    more = frame->has_value();
    byte_reader reader{more ? bytes_view{**frame} : bytes_view{}};
    while (reader.ok() && !reader.rest().empty()) {
      auto key = reader.string();
      auto value = reader.string();
      size += key.size() + value.size();
      some.emplace_back(key, value);
    }
    if (!reader.ok())
      return damaged_item();
    if (more && size < import_bytes)
      continue;
    items += some.size();
    if (auto done = (*records)->import(some, !more); done.has_error())
      return done.error();
    some.clear();
    size = 0;
    if (watch && !watch({items, from.position()}))
      return stopped();
  }
  if (items != from.items())
    return damaged_item();
  return items;
}

} // namespace

result<backup_summary>
unpack(const std::shared_ptr<file_system>& files, const std::string& path,
       const std::string& keys_path, const std::string& directory,
       const crypto::secret_key& recovery, const backup_watcher& watch) {
  auto records = backup_reader::open(files, path, recovery);
  if (records.has_error())
    return records.error();
  auto keys = backup_reader::open(files, keys_path, recovery);
  if (keys.has_error())
    return keys.error();
  if (records->head().kind != backup_kind::records
      || keys->head().kind != backup_kind::keys
      || records->head().backup != keys->head().backup)
    return error{errc::invalid_argument,
                 keys_path + " does not have the keys of " + path};
  auto made = data_directory::create_again(
    files, directory, to_hex(view_of(records->head().store)));
  if (made.has_error())
    return made.error();
  backup_summary out;
  out.head = records->head();
  out.head.master_version = keys->head().master_version;
  auto slots = unpack_keys(*keys, *made);
  if (slots.has_error())
    return in_file(keys_path, slots.error());
  auto count = unpack_records(*records, *made, watch);
  if (count.has_error())
    return in_file(path, count.error());
  out.keys = *slots;
  out.records = *count;
  out.bytes = records->size() + keys->size();
  if (auto done = made->finish_creation(); done.has_error())
    return done.error();
  return out;
}

} // namespace cloister::persistence
