// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/key_slots.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/assert.hpp"
#include "core/encoding.hpp"
#include "crypto/hash.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t slot_bytes = 256;
constexpr std::uint64_t slots_per_page = page_bytes / slot_bytes;
constexpr std::uint64_t extent_bytes = 2 * page_bytes;
constexpr std::uint64_t slots_looked_at_once = 256;
constexpr std::size_t checksum_at = slot_bytes - 4;
constexpr std::uint8_t slot_version = 1;
constexpr std::uint8_t state_used = 1;
constexpr std::uint8_t state_destroyed = 2;
constexpr std::string_view header_text = "cloister keys 1\n";

std::uint64_t offset_of(std::uint64_t slot, int copy) {
  auto extent = slot / slots_per_page;
  return page_bytes + extent * extent_bytes
         + static_cast<std::uint64_t>(copy) * page_bytes
         + slot % slots_per_page * slot_bytes;
}

bytes encode(const slot_write& write, std::uint64_t generation) {
  bytes image;
  byte_writer writer{image};
  writer.u8(slot_version);
  writer.u8(write.wrapped.empty() ? state_destroyed : state_used);
  writer.u16(0);
  writer.u32(write.master_version);
  writer.u64(generation);
  writer.u32(write.data_epoch);
  writer.raw(write.owner);
  writer.u16(static_cast<std::uint16_t>(write.wrapped.size()));
  writer.raw(write.wrapped);
  CLOISTER_ASSERT(image.size() <= checksum_at);
  image.resize(checksum_at);
  writer.u32(crypto::checksum(image));
  return image;
}

} // namespace

key_slots::slot_copy key_slots::decode(bytes_view image) {
  slot_copy out;
  if (image.find_first_not_of('\0') == bytes_view::npos) {
    out.state = copy_state::blank;
    return out;
  }
  if (image.size() != slot_bytes
      || byte_reader{image.substr(checksum_at)}.u32()
           != crypto::checksum(image.substr(0, checksum_at)))
    return out;
  byte_reader reader{image};
  auto version = reader.u8();
  auto state = reader.u8();
  if (version != slot_version
      || (state != state_used && state != state_destroyed))
    return out;
  reader.u16();
  out.slot.master_version = reader.u32();
  out.slot.generation = reader.u64();
  out.slot.data_epoch = reader.u32();
  out.slot.owner = reader.array<16>();
  out.slot.wrapped = bytes{reader.raw(reader.u16())};
  if (reader.ok())
    out.state = state == state_used ? copy_state::used : copy_state::destroyed;
  return out;
}

/// One copy that is blank beside a written one was not reached yet, or was
/// wiped by the disk: the written one serves.
const key_slots::slot_copy* key_slots::newest(const slot_copies& both) {
  const slot_copy* best = nullptr;
  for (const auto& one : both) {
    auto written
      = one.state == copy_state::used || one.state == copy_state::destroyed;
    if (written
        && (best == nullptr || one.slot.generation > best->slot.generation))
      best = &one;
  }
  return best;
}

/// What was destroyed before may be another's by now. Of a slot that cannot be
/// read nobody else will need anything, but whoever knows how to read it might.
bool key_slots::may_destroy(const slot_copies& both, const scope_tag& owner) {
  if (auto best = newest(both))
    return best->slot.owner == owner;
  return std::any_of(both.begin(), both.end(), [](const auto& one) {
    return one.state == copy_state::damaged;
  });
}

key_slots::key_slots(std::shared_ptr<file_system> files,
                     std::unique_ptr<random_file> file)
  : files_(std::move(files)), file_(std::move(file)) {}

result<std::unique_ptr<key_slots>>
key_slots::open(std::shared_ptr<file_system> files, const std::string& path) {
  auto file = files->open_random(path, open_mode::read_write);
  if (file.has_error())
    return file.error();
  std::unique_ptr<key_slots> made{
    new key_slots{std::move(files), std::move(*file)}};
  if (auto done = made->check_header(path); done.has_error())
    return done.error();
  if (auto done = made->find_end(); done.has_error())
    return done.error();
  return made;
}

/// Writes the header of a new file, or looks at that of an old one.
result<void> key_slots::check_header(const std::string& path) {
  auto size = file_->size();
  if (size.has_error())
    return size.error();
  if (*size == 0) {
    bytes header{header_text};
    header.resize(page_bytes);
    if (auto done = file_->write(0, header); done.has_error())
      return done;
    if (auto done = file_->sync(); done.has_error())
      return done;
    return files_->sync_directory(directory_of(path));
  }
  char scratch[header_text.size()];
  auto header = file_->read(0, header_text.size(), scratch);
  if (header.has_error())
    return header.error();
  if (*header != header_text)
    return error{errc::corrupted,
                 path
                   + " is not Cloister's, or its beginning is damaged; "
                     "restore it from a backup"};
  return {};
}

/// Slots are handed out in order, so only the last extents can be unused.
result<void> key_slots::find_end() {
  auto size = file_->size();
  if (size.has_error())
    return size.error();
  if (*size <= page_bytes)
    return {};
  auto extents = (*size - page_bytes + extent_bytes - 1) / extent_bytes;
  for (end_ = extents * slots_per_page; end_ > 0; --end_) {
    auto last = read_locked(end_ - 1);
    if (last || last.error().code != errc::not_found)
      break; // Written once, even if destroyed since.
  }
  opened_end_ = end_;
  to_count_ = end_;
  return {};
}

result<key_slot> key_slots::read(std::uint64_t slot) const {
  std::lock_guard guard{mutex_};
  return read_locked(slot);
}

result<key_slots::slot_copies>
key_slots::read_copies(std::uint64_t slot) const {
  slot_copies out;
  for (int i = 0; i < 2; ++i) {
    char scratch[slot_bytes];
    auto image = file_->read(offset_of(slot, i), slot_bytes, scratch);
    if (image.has_error())
      return image.error();
    bytes whole{*image};
    whole.resize(slot_bytes);
    out[static_cast<std::size_t>(i)] = decode(whole);
  }
  return out;
}

result<key_slot> key_slots::read_locked(std::uint64_t slot) const {
  auto copies = read_copies(slot);
  if (copies.has_error())
    return copies.error();
  const auto& [a, b] = *copies;
  auto best = newest(*copies);
  if (best == nullptr) {
    if (a.state == copy_state::damaged || b.state == copy_state::damaged)
      return error{errc::corrupted, "both copies of a key slot are damaged; "
                                    "restore the file from a backup"};
    return error{errc::not_found, "the key slot is free"};
  }
  // A destroyed slot stays destroyed even if only one copy was reached.
  if (best->state == copy_state::destroyed)
    return error{errc::erased, "the key was destroyed"};
  auto found = best->slot;
  found.slot = slot;
  found.both_copies
    = a.state == b.state && a.slot.generation == b.slot.generation;
  return found;
}

result<std::uint64_t> key_slots::allocate() {
  std::lock_guard guard{mutex_};
  if (free_.empty() && cursor_ < opened_end_)
    if (auto done = collect_free_slots(); done.has_error())
      return done.error();
  auto slot = free_.empty() ? end_++ : *free_.begin();
  free_.erase(slot);
  reserved_.insert(slot);
  return slot;
}

result<std::optional<std::uint64_t>>
key_slots::find(const scope_tag& owner) const {
  std::lock_guard guard{mutex_};
  for (std::uint64_t slot = 0; slot < end_; ++slot) {
    auto found = read_locked(slot);
    if (found && found->owner == owner)
      return std::optional{slot};
    if (found.has_error() && found.error().code == errc::unavailable)
      return found.error();
  }
  return std::optional<std::uint64_t>{};
}

/// Looks at the next few slots that existed when the file was opened. Spread
/// over allocations, so that a start reads none of them.
result<void> key_slots::collect_free_slots() {
  auto until = std::min(opened_end_, cursor_ + slots_looked_at_once);
  for (; cursor_ < until; ++cursor_) {
    auto found = read_locked(cursor_);
    if (found.has_error()
        && (found.error().code == errc::not_found
            || found.error().code == errc::erased))
      free_.insert(cursor_);
    else if (found.has_error() && found.error().code == errc::unavailable)
      return found.error();
  }
  return {};
}

result<void> key_slots::count_some(std::uint64_t slots) {
  std::lock_guard guard{mutex_};
  auto until = std::min(to_count_, counted_ + slots);
  for (; counted_ < until; ++counted_) {
    auto copies = read_copies(counted_);
    if (copies.has_error())
      return copies.error();
    auto best = newest(*copies);
    used_ += best != nullptr && best->state == copy_state::used ? 1U : 0U;
  }
  return {};
}

std::optional<std::uint64_t> key_slots::used() const {
  std::lock_guard guard{mutex_};
  return counted_ >= to_count_ ? std::optional{used_} : std::nullopt;
}

void key_slots::count_again() {
  used_ = 0;
  counted_ = 0;
  to_count_ = end_;
}

result<void> key_slots::write(std::span<const slot_write> writes) {
  std::lock_guard guard{mutex_};
  // Of several writes of one slot the last counts.
  std::map<std::uint64_t, bytes> images;
  std::map<std::uint64_t, scope_tag> owners;
  std::set<std::uint64_t> freed;
  std::set<std::uint64_t> used_before;
  for (const auto& write : writes) {
    auto old = read_copies(write.slot);
    if (old.has_error())
      return old.error();
    auto best = newest(*old);
    if (best != nullptr && best->state == copy_state::used)
      used_before.insert(write.slot);
    auto is_outdated = write.expected_generation != 0
                       && (best == nullptr || best->state != copy_state::used
                           || best->slot.owner != write.owner
                           || best->slot.generation != write.expected_generation
                           || images.contains(write.slot));
    if (is_outdated)
      continue;
    auto destroys = write.wrapped.empty();
    auto earlier = owners.find(write.slot);
    auto may = earlier != owners.end() ? earlier->second == write.owner
                                       : may_destroy(*old, write.owner);
    if (destroys && !may)
      continue;
    if (destroys)
      freed.insert(write.slot);
    else
      freed.erase(write.slot);
    owners[write.slot] = write.owner;
    images[write.slot]
      = encode(write, best != nullptr ? best->slot.generation + 1 : 1);
  }
  if (images.empty())
    return {};
  // A page that is torn while it is written takes its other slots with it, so
  // the first copies are safe before the second ones are touched.
  for (int i = 0; i < 2; ++i) {
    for (const auto& [slot, image] : images)
      if (auto done = write_copy(slot, i, image); done.has_error()) {
        count_again();
        return done;
      }
    if (auto done = file_->sync(); done.has_error()) {
      count_again();
      return done;
    }
  }
  for (const auto& [slot, image] : images) {
    if (!is_counted(slot))
      continue;
    used_ += freed.contains(slot) ? 0U : 1U;
    used_ -= used_before.contains(slot) ? 1U : 0U;
  }
  for (const auto& [slot, owner] : owners)
    if (!freed.contains(slot))
      reserved_.erase(slot);
  for (auto slot : freed)
    // What the cursor has yet to pass it finds by itself; and what was free
    // already may have been handed out since.
    if ((slot < cursor_ || slot >= opened_end_) && !reserved_.contains(slot))
      free_.insert(slot);
  return {};
}

result<void> key_slots::write_copy(std::uint64_t slot, int copy,
                                   bytes_view image) {
  return file_->write(offset_of(slot, copy), image);
}

result<std::vector<slot_write>> key_slots::all_used() const {
  std::lock_guard guard{mutex_};
  std::vector<slot_write> out;
  for (std::uint64_t slot = 0; slot < end_; ++slot) {
    auto found = read_locked(slot);
    if (found.has_error() && found.error().code != errc::not_found
        && found.error().code != errc::erased)
      return found.error();
    if (found)
      out.push_back({slot, found->owner, std::move(found->wrapped),
                     found->master_version, found->data_epoch});
  }
  return out;
}

std::uint64_t key_slots::capacity() const {
  std::lock_guard guard{mutex_};
  return end_;
}

result<void> key_slots::mend(std::uint64_t slot) {
  std::lock_guard guard{mutex_};
  auto copies = read_copies(slot);
  auto good = read_locked(slot);
  if (copies.has_error() || good.has_error())
    return copies.has_error() ? copies.error() : good.error();
  slot_write again{slot, good->owner, good->wrapped, good->master_version,
                   good->data_epoch};
  auto image = encode(again, good->generation);
  for (int i = 0; i < 2; ++i) {
    const auto& one = (*copies)[static_cast<std::size_t>(i)];
    if (one.state == copy_state::used
        && one.slot.generation == good->generation)
      continue;
    if (auto done = write_copy(slot, i, image); done.has_error())
      return done;
  }
  return file_->sync();
}

} // namespace cloister::persistence
