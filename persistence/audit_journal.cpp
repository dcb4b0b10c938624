// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/audit_journal.hpp"

#include <charconv>

#include "core/encoding.hpp"
#include "crypto/hash.hpp"

namespace cloister::persistence {

namespace {

constexpr std::string_view file_prefix = "audit-journal.";
constexpr std::uint64_t part_bytes_max = 8 * 1024 * 1024;
constexpr std::size_t entry_header_bytes = 8;
constexpr std::size_t entry_fixed_bytes = 8 + 16 + 16;

} // namespace

audit_journal::audit_journal(std::shared_ptr<file_system> files,
                             std::string directory,
                             std::uint64_t first_sequence)
  : files_(std::move(files)),
    directory_(std::move(directory)),
    next_sequence_(first_sequence) {
}

audit_journal::~audit_journal() {
  std::lock_guard guard{mutex_};
  for (auto& [number, part] : parts_)
    if (part.outstanding == 0)
      static_cast<void>(files_->remove(part.path));
}

result<std::unique_ptr<audit_journal>>
audit_journal::open(std::shared_ptr<file_system> files,
                    const std::string& directory, std::uint32_t epoch) {
  std::unique_ptr<audit_journal> made{
    new audit_journal{std::move(files), directory,
                      (static_cast<std::uint64_t>(epoch) << 40) + 1}};
  if (auto done = made->recover(); done.has_error())
    return done.error();
  std::lock_guard guard{made->mutex_};
  if (auto done = made->start_part(); done.has_error())
    return done.error();
  return made;
}

result<void> audit_journal::recover() {
  auto names = files_->list(directory_);
  if (names.has_error())
    return names.error();
  std::map<std::uint64_t, std::string> found;
  for (const auto& name : *names) {
    if (!name.starts_with(file_prefix))
      continue;
    std::uint64_t number = 0;
    auto digits = std::string_view{name}.substr(file_prefix.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    found[number] = directory_ + '/' + name;
    current_ = std::max(current_, number);
  }
  for (const auto& [number, path] : found) {
    auto data = read_file(*files_, path);
    if (data.has_error())
      return data.error();
    byte_reader reader{*data};
    // The last entry may be torn: its answer was never given.
    for (;;) {
      auto length = reader.u32();
      auto sum = reader.u32();
      auto body = reader.raw(length);
      if (!reader.ok() || length < entry_fixed_bytes
          || crypto::checksum(body) != sum)
        break;
      byte_reader entry{body};
      recovered_entry out;
      out.sequence = entry.u64();
      out.organization = entry.array<16>();
      auto tag = entry.array<16>();
      next_sequence_ = std::max(next_sequence_, out.sequence + 1);
      out.sealed = bytes{entry.rest()};
      recovered_[tag].push_back(std::move(out));
    }
    recovered_paths_.push_back(path);
  }
  return {};
}

void audit_journal::discard_recovered() {
  recovered_.clear();
  for (const auto& path : recovered_paths_)
    static_cast<void>(files_->remove(path));
  recovered_paths_.clear();
}

result<void> audit_journal::start_part() {
  auto number = current_ + 1;
  journal_file next;
  next.path = directory_ + '/' + std::string{file_prefix}
              + std::to_string(number);
  auto file = files_->create(next.path);
  if (file.has_error())
    return file.error();
  next.file = std::move(*file);
  parts_.emplace(number, std::move(next));
  auto previous = current_;
  current_ = number;
  remove_if_settled(previous);
  return {};
}

result<journal_position> audit_journal::append(const scope_tag& organization,
                                               const scope_tag& tag,
                                               bytes_view sealed) {
  std::lock_guard guard{mutex_};
  if (parts_[current_].bytes >= part_bytes_max || !parts_[current_].file)
    if (auto done = start_part(); done.has_error())
      return done.error();
  auto& part = parts_[current_];
  auto sequence = next_sequence_;
  bytes entry;
  auto length = entry_fixed_bytes + sealed.size();
  entry.reserve(entry_header_bytes + length);
  byte_writer writer{entry};
  writer.u64(0);
  writer.u64(sequence);
  writer.raw(organization);
  writer.raw(tag);
  writer.raw(sealed);
  bytes header;
  byte_writer header_writer{header};
  header_writer.u32(static_cast<std::uint32_t>(length));
  header_writer.u32(
    crypto::checksum(bytes_view{entry}.substr(entry_header_bytes)));
  entry.replace(0, entry_header_bytes, header);
  auto done = part.file->append(entry);
  if (done)
    done = part.file->flush();
  if (done.has_error()) {
    // A torn entry would hide those behind it: go on in a new file.
    part.file.reset();
    return error{errc::unavailable,
                 "the access cannot be audited: " + done.error().detail};
  }
  part.bytes += entry.size();
  ++part.outstanding;
  ++next_sequence_;
  return journal_position{sequence, current_};
}

void audit_journal::settle(std::uint64_t file, std::size_t count) {
  std::lock_guard guard{mutex_};
  auto found = parts_.find(file);
  if (found == parts_.end())
    return;
  found->second.outstanding -= std::min(count, found->second.outstanding);
  remove_if_settled(file);
}

void audit_journal::remove_if_settled(std::uint64_t number) {
  auto found = parts_.find(number);
  if (number == current_ || found == parts_.end()
      || found->second.outstanding > 0)
    return;
  static_cast<void>(files_->remove(found->second.path));
  parts_.erase(found);
}

} // namespace cloister::persistence
