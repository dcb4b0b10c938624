// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace cloister::persistence {

/// Which parts of a file are in use: hands out the smallest hole that is large
/// enough, else the end; holes beside each other become one. In memory only.
class free_space {
public:
  /// Where a part of `size` bytes may be written.
  std::uint64_t take(std::uint64_t size) {
    auto found = by_size_.lower_bound({size, 0});
    if (found == by_size_.end())
      return std::exchange(end_, end_ + size);
    auto [room, offset] = *found;
    forget(offset, room);
    if (room > size)
      remember(offset + size, room - size);
    return offset;
  }

  void give_back(std::uint64_t offset, std::uint64_t size) {
    auto after = holes_.lower_bound(offset);
    if (after != holes_.end() && after->first == offset + size) {
      size += after->second;
      forget(after->first, after->second);
    }
    auto before = holes_.lower_bound(offset);
    if (before != holes_.begin()
        && std::prev(before)->first + std::prev(before)->second == offset) {
      --before;
      offset = before->first;
      size += before->second;
      forget(before->first, before->second);
    }
    if (offset + size == end_)
      end_ = offset;
    else
      remember(offset, size);
  }

  /// Nothing is in use from here on.
  std::uint64_t end() const {
    return end_;
  }

private:
  void remember(std::uint64_t offset, std::uint64_t size) {
    holes_.emplace(offset, size);
    by_size_.emplace(size, offset);
  }
  void forget(std::uint64_t offset, std::uint64_t size) {
    holes_.erase(offset);
    by_size_.erase({size, offset});
  }

  std::uint64_t end_ = 0;
  std::map<std::uint64_t, std::uint64_t> holes_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> by_size_;
};

} // namespace cloister::persistence
