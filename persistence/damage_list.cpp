// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/damage_list.hpp"

#include <algorithm>

#include "core/encoding.hpp"
#include "crypto/hash.hpp"

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
  byte_reader in{*content};
  if (in.raw(header.size()) != header)
    return {}; // Torn at its very start: no entry was ever relied upon.
  while (!in.rest().empty()) {
    auto length = in.u32();
    auto checksum = in.u32();
    auto body = in.raw(length);
    auto block = in.ok() && crypto::checksum(body) == checksum ? decode(body)
                                                               : std::nullopt;
    if (!block)
      break; // Torn while it was added: nobody has read around it yet.
    remember(std::move(*block));
  }
  return {};
}

result<void> damage_list::add(damaged_block block) {
  std::lock_guard guard{mutex_};
  if (knows(block))
    return {};
  // Written anew as a whole: it is short, and so a torn end cannot hide what
  // is added behind it.
  bytes content{header};
  for (const auto& each : blocks_)
    content.append(encode(each));
  content.append(encode(block));
  if (auto done = replace_file(*files_, path_, content); done.has_error())
    return done;
  remember(std::move(block));
  return {};
}

bool damage_list::knows(const damaged_block& block) const {
  return std::any_of(blocks_.begin(), blocks_.end(), [&](const auto& each) {
    return each.file == block.file && each.offset == block.offset;
  });
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

std::vector<damaged_block> damage_list::blocks() const {
  std::lock_guard guard{mutex_};
  return blocks_;
}

result<void> damage_list::clear() {
  std::lock_guard guard{mutex_};
  if (files_->exists(path_)) {
    if (auto done = files_->remove(path_); done.has_error())
      return done;
    if (auto done = files_->sync_directory(directory_of(path_));
        done.has_error())
      return done;
  }
  blocks_.clear();
  keys_.clear();
  empty_.store(true, std::memory_order_release);
  return {};
}

} // namespace cloister::persistence
