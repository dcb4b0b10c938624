// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/key_slots.hpp"

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
constexpr std::string_view header_text = "cloister keys 1\n";

std::uint64_t offset_of(std::uint64_t slot, int copy) {
  auto extent = slot / slots_per_page;
  return page_bytes + extent * extent_bytes
         + static_cast<std::uint64_t>(copy) * page_bytes
         + slot % slots_per_page * slot_bytes;
}

bytes encode(const slot_write& write, std::uint64_t generation) {
  bytes image;
  if (write.wrapped.empty())
    return bytes(slot_bytes, '\0');
  byte_writer writer{image};
  writer.u8(slot_version);
  writer.u8(state_used);
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

enum class copy_state { free, used, damaged };

struct copy {
  copy_state state = copy_state::damaged;
  key_slot slot;
};

copy decode(bytes_view image) {
  copy out;
  if (image.find_first_not_of('\0') == bytes_view::npos) {
    out.state = copy_state::free;
    return out;
  }
  if (image.size() != slot_bytes
      || byte_reader{image.substr(checksum_at)}.u32()
           != crypto::checksum(image.substr(0, checksum_at)))
    return out;
  byte_reader reader{image};
  if (reader.u8() != slot_version || reader.u8() != state_used)
    return out;
  reader.u16();
  out.slot.master_version = reader.u32();
  out.slot.generation = reader.u64();
  out.slot.data_epoch = reader.u32();
  out.slot.owner = reader.array<16>();
  out.slot.wrapped = bytes{reader.raw(reader.u16())};
  if (reader.ok())
    out.state = copy_state::used;
  return out;
}

} // namespace

key_slots::key_slots(std::shared_ptr<file_system> files,
                     std::unique_ptr<random_file> file)
  : files_(std::move(files)), file_(std::move(file)) {
}

result<std::unique_ptr<key_slots>>
key_slots::open(std::shared_ptr<file_system> files, const std::string& path) {
  auto file = files->open_random(path, open_mode::read_write);
  if (file.has_error())
    return file.error();
  std::unique_ptr<key_slots> made{
    new key_slots{std::move(files), std::move(*file)}};
  if (auto done = made->find_end(); done.has_error())
    return done.error();
  if (made->end_ == 0) {
    bytes header{header_text};
    header.resize(page_bytes);
    if (auto done = made->file_->write(0, header); done.has_error())
      return done.error();
    if (auto done = made->file_->sync(); done.has_error())
      return done.error();
    if (auto done = made->files_->sync_directory(directory_of(path));
        done.has_error())
      return done.error();
  }
  return made;
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
      break;
  }
  opened_end_ = end_;
  return {};
}

result<key_slot> key_slots::read(std::uint64_t slot) const {
  std::lock_guard guard{mutex_};
  return read_locked(slot);
}

result<key_slot> key_slots::read_locked(std::uint64_t slot) const {
  copy copies[2];
  for (int i = 0; i < 2; ++i) {
    char scratch[slot_bytes];
    auto image = file_->read(offset_of(slot, i), slot_bytes, scratch);
    if (image.has_error())
      return image.error();
    bytes whole{*image};
    whole.resize(slot_bytes);
    copies[i] = decode(whole);
  }
  auto& a = copies[0];
  auto& b = copies[1];
  // A destroyed slot stays destroyed even if only one copy was reached.
  auto intact = [](const copy& c) { return c.state != copy_state::damaged; };
  if (!intact(a) && !intact(b))
    return error{errc::corrupted, "both copies of a key slot are damaged; "
                                  "restore the file from a backup"};
  if (intact(a) && intact(b)
      && (a.state == copy_state::free) != (b.state == copy_state::free)) {
    // The first copy is written first: it tells the newer intention.
    if (a.state == copy_state::free)
      return error{errc::not_found, "the key slot was destroyed"};
    auto found = std::move(a.slot);
    found.slot = slot;
    found.both_copies = false;
    return found;
  }
  auto newer = intact(a) && (!intact(b) || a.slot.generation
                                             >= b.slot.generation)
                 ? &a
                 : &b;
  if (newer->state == copy_state::free)
    return error{errc::not_found, "the key slot is free"};
  newer->slot.slot = slot;
  newer->slot.both_copies
    = intact(a) && intact(b) && a.slot.generation == b.slot.generation;
  return std::move(newer->slot);
}

result<std::uint64_t> key_slots::allocate() {
  std::lock_guard guard{mutex_};
  if (free_.empty() && cursor_ < opened_end_)
    if (auto done = collect_free_slots(); done.has_error())
      return done.error();
  if (free_.empty())
    return end_++;
  auto slot = free_.back();
  free_.pop_back();
  return slot;
}

/// Looks at the next few slots that existed when the file was opened. Spread
/// over allocations, so that a start reads none of them.
result<void> key_slots::collect_free_slots() {
  auto until = std::min(opened_end_, cursor_ + slots_looked_at_once);
  for (; cursor_ < until; ++cursor_) {
    auto found = read_locked(cursor_);
    if (found.has_error() && found.error().code == errc::not_found)
      free_.push_back(cursor_);
    else if (found.has_error() && found.error().code == errc::unavailable)
      return found.error();
  }
  return {};
}

result<void> key_slots::write(std::span<const slot_write> writes) {
  std::lock_guard guard{mutex_};
  bool overwrites = false;
  std::vector<bytes> images;
  for (const auto& write : writes) {
    auto old = read_locked(write.slot);
    if (old.has_error() && old.error().code == errc::unavailable)
      return old.error();
    overwrites = overwrites || (old && !write.wrapped.empty());
    images.push_back(encode(write, old ? old->generation + 1 : 1));
  }
  for (int i = 0; i < 2; ++i) {
    for (std::size_t at = 0; at < images.size(); ++at)
      if (auto done = write_copy(writes[at].slot, i, images[at]);
          done.has_error())
        return done;
    if (overwrites && i == 0)
      if (auto done = file_->sync(); done.has_error())
        return done;
  }
  if (auto done = file_->sync(); done.has_error())
    return done;
  for (const auto& write : writes)
    if (write.wrapped.empty())
      free_.push_back(write.slot);
  return {};
}

result<void> key_slots::write_copy(std::uint64_t slot, int copy,
                                   bytes_view image) {
  return file_->write(offset_of(slot, copy), image);
}

std::uint64_t key_slots::capacity() const {
  std::lock_guard guard{mutex_};
  return end_;
}

result<void> key_slots::mend(std::uint64_t slot) {
  std::lock_guard guard{mutex_};
  auto good = read_locked(slot);
  if (good.has_error())
    return good.error();
  slot_write again{slot, good->owner, good->wrapped, good->master_version,
                   good->data_epoch};
  auto image = encode(again, good->generation);
  for (int i = 0; i < 2; ++i)
    if (auto done = write_copy(slot, i, image); done.has_error())
      return done;
  return file_->sync();
}

} // namespace cloister::persistence
