// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/memory_table.hpp"

#include <algorithm>

#include "core/assert.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

std::uint32_t type_hash(std::string_view type) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(type));
}

void memory_table::insert(memory_row row) {
  std::uint32_t at;
  if (free_rows_.empty()) {
    at = static_cast<std::uint32_t>(rows_.size());
    if (rows_.size() == rows_.capacity())
      rows_.reserve(rows_.size() + std::max<std::size_t>(4, rows_.size() / 2));
    rows_.emplace_back();
  } else {
    at = free_rows_.back();
    free_rows_.pop_back();
  }
  auto sequence = row.sequence;
  rows_[at] = std::move(row);
  auto& record = rows_[at].record;
  record.shrink_to_fit();
  cached_bytes_ += record.size();
  auto summary = persistence::decode_summary(record);
  CLOISTER_ASSERT(summary.has_value());
  index_.add(at, summary->content);
  if (summary->key)
    keys_[std::string{*summary->key}] = at;
  auto place = order_.end();
  if (!order_.empty() && rows_[order_.back()].sequence > sequence)
    place = std::lower_bound(order_.begin(), order_.end(), sequence,
                             [this](std::uint32_t r, std::uint64_t s) {
                               return rows_[r].sequence < s;
                             });
  order_.insert(place, at);
  if (order_.size() > slots_.size() / 4 * 3)
    rehash();
  else
    slots_[slot_of(rows_[at].id)] = at + 1;
}

void memory_table::erase(std::uint32_t row, bytes_view record) {
  auto& gone = rows_[row];
  CLOISTER_ASSERT(gone.sequence != 0);
  auto summary = persistence::decode_summary(record);
  CLOISTER_ASSERT(summary.has_value());
  index_.remove(row);
  if (summary->key) {
    auto found = keys_.find(std::string{*summary->key});
    if (found != keys_.end() && found->second == row)
      keys_.erase(found);
  }
  auto place = std::lower_bound(
    order_.begin(), order_.end(), gone.sequence,
    [this](std::uint32_t r, std::uint64_t s) { return rows_[r].sequence < s; });
  order_.erase(place);
  cached_bytes_ -= gone.record.size();
  erase_slot(gone.id);
  gone = {};
  // The index still knows the row: it is free once that has forgotten it.
  retired_rows_.push_back(row);
  if (!index_.must_purge())
    return;
  index_.purge();
  free_rows_.insert(free_rows_.end(), retired_rows_.begin(),
                    retired_rows_.end());
  retired_rows_.clear();
}

/// Empties a slot and moves those that were displaced by it (Knuth, TAOCP 3,
/// algorithm 6.4R), so that no tombstones are needed.
void memory_table::erase_slot(const memory_id& id) {
  auto mask = slots_.size() - 1;
  auto hole = slot_of(id);
  slots_[hole] = 0;
  for (auto at = (hole + 1) & mask; slots_[at] != 0; at = (at + 1) & mask) {
    auto home = std::hash<memory_id>{}(rows_[slots_[at] - 1].id) & mask;
    if (((at - home) & mask) < ((at - hole) & mask))
      continue;
    slots_[hole] = slots_[at];
    slots_[at] = 0;
    hole = at;
  }
}

void memory_table::clear() {
  replace(memory_table{cache_bytes_max_});
}

void memory_table::replace(memory_table other) {
  other.index_.continue_from(index_);
  *this = std::move(other);
}

std::size_t memory_table::slot_of(const memory_id& id) const {
  auto mask = slots_.size() - 1;
  auto at = std::hash<memory_id>{}(id)&mask;
  while (slots_[at] != 0 && rows_[slots_[at] - 1].id != id)
    at = (at + 1) & mask;
  return at;
}

void memory_table::rehash() {
  std::size_t size = 16;
  while (order_.size() > size / 4 * 3)
    size *= 2;
  slots_.assign(size, 0);
  for (auto row : order_)
    slots_[slot_of(rows_[row].id)] = row + 1;
}

std::optional<std::uint32_t> memory_table::find(const memory_id& id) const {
  if (slots_.empty())
    return std::nullopt;
  auto found = slots_[slot_of(id)];
  return found == 0 ? std::nullopt : std::optional{found - 1};
}

std::optional<std::uint32_t>
memory_table::find_key(const std::string& key) const {
  auto found = keys_.find(key);
  return found == keys_.end() ? std::nullopt : std::optional{found->second};
}

std::optional<std::uint32_t>
memory_table::find_sequence(std::uint64_t sequence) const {
  auto place = std::lower_bound(
    order_.begin(), order_.end(), sequence,
    [this](std::uint32_t r, std::uint64_t s) { return rows_[r].sequence < s; });
  if (place == order_.end() || rows_[*place].sequence != sequence)
    return std::nullopt;
  return *place;
}

void memory_table::newest_first(
  std::optional<std::uint64_t> before,
  const std::function<bool(std::uint32_t)>& visit) const {
  auto end = order_.end();
  if (before)
    end = std::lower_bound(order_.begin(), order_.end(), *before,
                           [this](std::uint32_t r, std::uint64_t s) {
                             return rows_[r].sequence < s;
                           });
  while (end != order_.begin())
    if (!visit(*--end))
      return;
}

void memory_table::cache(std::uint32_t row, bytes record) {
  cached_bytes_ += record.size() - rows_[row].record.size();
  rows_[row].record = std::move(record);
}

void memory_table::shrink_cache() {
  auto looked_at = rows_.size();
  while (cached_bytes_ > cache_bytes_max_ && looked_at-- > 0) {
    eviction_hand_ = (eviction_hand_ + 1) % rows_.size();
    auto& row = rows_[eviction_hand_];
    cached_bytes_ -= row.record.size();
    bytes{}.swap(row.record);
  }
}

std::size_t memory_table::memory_bytes() const {
  return rows_.capacity() * sizeof(memory_row) + cached_bytes_
         + order_.capacity() * sizeof(std::uint32_t)
         + slots_.capacity() * sizeof(std::uint32_t) + keys_.size() * 96
         + index_.memory_bytes();
}

} // namespace cloister::engine
