// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/damage_list.hpp"

#include <algorithm>

#include "core/encoding.hpp"
#include "crypto/hash.hpp"
#include "persistence/leveldb_filter.hpp"

namespace cloister::persistence {

namespace {

constexpr std::string_view header = "cloister damage 1\n";

bytes encode(const damaged_block& block) {
  bytes body;
  byte_writer out{body};
  out.string(block.file);
  out.u64(block.offset);
  out.string(block.after);
  out.string(block.up_to);
  out.u32(static_cast<std::uint32_t>(block.keys.size()));
  for (const auto& key : block.keys)
    out.string(key);
  out.string(block.filter);
  bytes entry;
  byte_writer frame{entry};
  frame.u32(static_cast<std::uint32_t>(body.size()));
  frame.u32(crypto::checksum(body));
  frame.raw(body);
  return entry;
}

std::optional<damaged_block> decode(bytes_view body) {
  byte_reader in{body};
  damaged_block out;
  out.file = in.string();
  out.offset = in.u64();
  out.after = in.string();
  out.up_to = in.string();
  for (auto left = in.u32(); left > 0 && in.ok(); --left)
    out.keys.emplace_back(in.string());
  out.filter = in.string();
  if (!in.complete())
    return std::nullopt;
  return out;
}

/// Everything needs the records of the node itself, and each of them is sealed
/// with its key, which tells whether it is genuine: they are not refused.
bool is_of_node(bytes_view key) {
  return key.starts_with("\xff\xff");
}

bool is_range(const damaged_block& block) {
  return block.keys.empty();
}

/// A block that could be corrected once may be worse the next time.
bool is_same(const damaged_block& a, const damaged_block& b) {
  return a.file == b.file && a.offset == b.offset && is_range(a) == is_range(b);
}

} // namespace

damage_list::damage_list(std::shared_ptr<file_system> files, std::string path)
  : files_(std::move(files)), path_(std::move(path)) {}

result<std::shared_ptr<damage_list>>
damage_list::open(std::shared_ptr<file_system> files, const std::string& path) {
  std::shared_ptr<damage_list> made{new damage_list{std::move(files), path}};
  if (auto done = made->load(); done.has_error())
    return done.error();
  return made;
}

result<void> damage_list::load() {
  if (!files_->exists(path_))
    return {};
  auto content = read_file(*files_, path_);
  if (content.has_error())
    return content.error();
  // It is only ever replaced as a whole, so it is never torn.
  error damaged{errc::corrupted,
                path_
                  + " is damaged; run `cloister doctor --repair` on a copy "
                    "without it, or restore a backup"};
  byte_reader in{*content};
  if (in.raw(header.size()) != header)
    return damaged;
  while (!in.rest().empty()) {
    auto length = in.u32();
    auto checksum = in.u32();
    auto body = in.raw(length);
    auto block = in.ok() && crypto::checksum(body) == checksum ? decode(body)
                                                               : std::nullopt;
    if (!block)
      return damaged;
    remember(std::move(*block));
  }
  return {};
}

result<void> damage_list::add(damaged_block block) {
  std::lock_guard guard{mutex_};
  if (knows(block))
    return {};
  auto all = blocks_;
  all.push_back(block);
  if (auto done = write(all); done.has_error())
    return done;
  remember(std::move(block));
  return {};
}

/// Written anew as a whole: it is short.
result<void> damage_list::write(const std::vector<damaged_block>& blocks) {
  bytes content{header};
  for (const auto& each : blocks)
    content.append(encode(each));
  return replace_file(*files_, path_, content);
}

bool damage_list::knows(const damaged_block& block) const {
  return std::any_of(blocks_.begin(), blocks_.end(),
                     [&](const auto& each) { return is_same(each, block); });
}

void damage_list::remember(damaged_block block) {
  for (const auto& key : block.keys)
    if (!is_of_node(key))
      keys_.emplace(key, block.file);
  blocks_.push_back(std::move(block));
  empty_.store(false, std::memory_order_release);
}

std::optional<std::string> damage_list::covers(bytes_view key) const {
  return touches(key, key);
}

std::optional<std::string> damage_list::touches(bytes_view first,
                                                bytes_view last) const {
  if (empty())
    return std::nullopt;
  std::lock_guard guard{mutex_};
  auto at = keys_.lower_bound(first);
  if (at != keys_.end() && at->first <= last)
    return at->second;
  for (const auto& block : blocks_)
    if (is_range(block) && last > block.after && first <= block.up_to)
      return block.file;
  return std::nullopt;
}

bool damage_list::may_hide(bytes_view key) const {
  std::lock_guard guard{mutex_};
  return std::any_of(blocks_.begin(), blocks_.end(), [&](const auto& block) {
    return is_range(block) && key > block.after && key <= block.up_to
           && (block.filter.empty() || filter_may_have(block.filter, key));
  });
}

std::vector<damaged_block> damage_list::blocks() const {
  std::lock_guard guard{mutex_};
  return blocks_;
}

result<void> damage_list::forget(const std::vector<damaged_block>& repaired) {
  std::lock_guard guard{mutex_};
  auto left = std::exchange(blocks_, {});
  std::erase_if(left, [&](const damaged_block& each) {
    return std::any_of(repaired.begin(), repaired.end(),
                       [&](const auto& gone) { return is_same(each, gone); });
  });
  keys_.clear();
  empty_.store(true, std::memory_order_release);
  for (auto& each : left)
    remember(std::move(each));
  if (!blocks_.empty())
    return write(blocks_);
  if (files_->exists(path_))
    if (auto done = files_->remove(path_); done.has_error())
      return done;
  return files_->sync_directory(directory_of(path_));
}

} // namespace cloister::persistence
