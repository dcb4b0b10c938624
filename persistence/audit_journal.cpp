// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/audit_journal.hpp"

#include <charconv>

#include "core/encoding.hpp"
#include "core/limits.hpp"
#include "crypto/hash.hpp"

namespace cloister::persistence {

namespace {

constexpr std::string_view file_prefix = "audit-journal.";
constexpr std::uint64_t part_bytes_max = 8 * 1024 * 1024;
constexpr std::size_t entry_header_bytes = 8;
constexpr std::size_t entry_fixed_bytes = 8 + 16 + 16;

bytes encode(std::uint64_t sequence, const scope_tag& organization,
             const scope_tag& tag, bytes_view sealed) {
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
  return entry.replace(0, entry_header_bytes, header);
}

/// How long the entry is that `data` begins with, header included; nothing
/// where there is none.
std::optional<std::size_t> entry_size(bytes_view data) {
  byte_reader reader{data};
  auto length = reader.u32();
  auto sum = reader.u32();
  auto body = reader.raw(length);
  if (!reader.ok() || length < entry_fixed_bytes
      || crypto::checksum(body) != sum)
    return std::nullopt;
  return entry_header_bytes + length;
}

/// Where the next entry begins, or the end: a damaged one must not hide those
/// behind it.
std::size_t next_entry(bytes_view data) {
  std::size_t at = 1;
  while (at < data.size() && !entry_size(data.substr(at)))
    ++at;
  return at;
}

} // namespace

audit_journal::audit_journal(std::shared_ptr<file_system> files,
                             std::string directory,
                             std::uint64_t first_sequence)
  : files_(std::move(files)),
    directory_(std::move(directory)),
    next_sequence_(first_sequence) {}

audit_journal::~audit_journal() {
  std::lock_guard guard{mutex_};
  for (auto& [number, part] : parts_)
    if (part.outstanding == 0)
      dispose(part);
}

/// What cannot be read of a damaged file is for people to look at.
void audit_journal::dispose(const journal_file& part) {
  auto slash = part.path.rfind('/') + 1;
  auto aside = part.path;
  aside.insert(slash, damaged_prefix);
  static_cast<void>(part.damaged ? files_->rename(part.path, aside)
                                 : files_->remove(part.path));
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
    std::string_view rest = name;
    // A name that is taken must not be taken again.
    auto damaged = rest.starts_with(damaged_prefix);
    if (damaged)
      rest.remove_prefix(damaged_prefix.size());
    if (!rest.starts_with(file_prefix))
      continue;
    std::uint64_t number = 0;
    rest.remove_prefix(file_prefix.size());
    std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (!damaged)
      found[number] = directory_ + '/' + name;
    current_ = std::max(current_, number);
  }
  for (const auto& [number, path] : found)
    if (auto done = recover_file(number, path); done.has_error())
      return done;
  return {};
}

result<void> audit_journal::recover_file(std::uint64_t number,
                                         const std::string& path) {
  auto data = read_file(*files_, path);
  if (data.has_error())
    return data.error();
  auto& part = parts_[number];
  part.path = path;
  for (bytes_view rest = *data; !rest.empty();) {
    auto size = entry_size(rest);
    if (!size) {
      auto next = next_entry(rest);
      // The last entry may be torn: its answer was never given.
      if (next == rest.size())
        break;
      part.damaged = true;
      rest.remove_prefix(next);
      continue;
    }
    auto body = rest.substr(entry_header_bytes, *size - entry_header_bytes);
    rest.remove_prefix(*size);
    byte_reader entry{body};
    kept_entry out;
    out.sequence = entry.u64();
    out.file = number;
    auto organization = entry.array<16>();
    auto tag = entry.array<16>();
    out.sealed = bytes{entry.rest()};
    next_sequence_ = std::max(next_sequence_, out.sequence + 1);
    auto [owner, fresh] = unsettled_.try_emplace(tag);
    if (fresh)
      left_behind_.push_back({organization, tag});
    // Written again after a failure that was none.
    if (!fresh && owner->second.back().sequence >= out.sequence)
      continue;
    unsettled_bytes_ += out.sealed.size();
    owner->second.push_back(std::move(out));
    ++part.outstanding;
  }
  return {};
}

result<void> audit_journal::start_part() {
  auto number = current_ + 1;
  journal_file next;
  next.path
    = directory_ + '/' + std::string{file_prefix} + std::to_string(number);
  auto file = files_->create(next.path);
  if (file.has_error())
    return file.error();
  next.file = std::move(*file);
  parts_.emplace(number, std::move(next));
  current_ = number;
  // Former files, this process's or another's, may have nothing left in them.
  std::vector<std::uint64_t> former;
  for (const auto& [each, part] : parts_)
    if (each != number)
      former.push_back(each);
  for (auto each : former)
    remove_if_settled(each);
  return {};
}

/// Hands an entry to the kernel. After a failure, which may have torn it, the
/// next one goes to a new file: it would be hidden behind the torn one.
result<void> audit_journal::write(bytes_view entry) {
  if (parts_[current_].bytes >= part_bytes_max || !parts_[current_].file)
    if (auto done = start_part(); done.has_error())
      return done;
  auto& part = parts_[current_];
  auto done = part.file->append(entry);
  if (done)
    done = part.file->flush();
  if (done.has_error())
    part.file.reset();
  return done;
}

result<std::uint64_t> audit_journal::append(const scope_tag& organization,
                                            const scope_tag& tag,
                                            bytes_view sealed) {
  std::lock_guard guard{mutex_};
  if (unsettled_bytes_ + sealed.size() > limits::journal_bytes_max)
    return error{errc::overloaded,
                 "too many accesses wait for their place in the audit trail; "
                 "try again",
                 limits::overload_retry_hint};
  auto sequence = next_sequence_;
  auto entry = encode(sequence, organization, tag, sealed);
  auto done = write(entry);
  // Once more, in a new file: one call that fails must not refuse a read.
  if (done.has_error())
    done = write(entry);
  if (done.has_error())
    return error{errc::unavailable,
                 "the access cannot be audited: " + done.error().detail};
  auto& part = parts_[current_];
  part.bytes += entry.size();
  ++part.outstanding;
  ++next_sequence_;
  unsettled_bytes_ += sealed.size();
  unsettled_[tag].push_back({sequence, current_, bytes{sealed}});
  return sequence;
}

std::vector<journal_entry>
audit_journal::unsettled(const scope_tag& tag) const {
  std::lock_guard guard{mutex_};
  std::vector<journal_entry> out;
  if (auto found = unsettled_.find(tag); found != unsettled_.end())
    for (const auto& entry : found->second)
      out.push_back({entry.sequence, entry.sealed});
  return out;
}

std::size_t audit_journal::unsettled_entries() const {
  std::lock_guard guard{mutex_};
  std::size_t out = 0;
  for (const auto& [tag, entries] : unsettled_)
    out += entries.size();
  return out;
}

void audit_journal::settle(const scope_tag& tag, std::uint64_t up_to) {
  std::lock_guard guard{mutex_};
  auto found = unsettled_.find(tag);
  if (found == unsettled_.end())
    return;
  auto& entries = found->second;
  while (!entries.empty() && entries.front().sequence <= up_to) {
    auto file = entries.front().file;
    unsettled_bytes_ -= entries.front().sealed.size();
    entries.pop_front();
    --parts_[file].outstanding;
    remove_if_settled(file);
  }
  if (entries.empty())
    unsettled_.erase(found);
}

void audit_journal::remove_if_settled(std::uint64_t number) {
  auto found = parts_.find(number);
  if (number == current_ || found == parts_.end()
      || found->second.outstanding > 0)
    return;
  dispose(found->second);
  parts_.erase(found);
}

} // namespace cloister::persistence
