// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/memory_table.hpp"

#include <algorithm>
#include <array>

#include "core/assert.hpp"
#include "core/json_text.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

namespace {

/// What programs call the conversation that a memory comes from.
constexpr std::array<std::string_view, 7> conversation_members{
  "session",   "session_id", "conversation", "conversation_id",
  "thread_id", "thread",     "run_id"};

std::uint32_t conversation_of(std::string_view metadata, const indexing& as) {
  if (as.is_conversation)
    return 1;
  auto name = first_member(metadata, conversation_members);
  return name ? static_cast<std::uint32_t>(string_hash(*name)) | 1u : 0;
}

} // namespace

std::uint32_t type_hash(std::string_view type) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(type));
}

void memory_table::insert(memory_row row) {
  auto at = static_cast<std::uint32_t>(rows_.size());
  auto sequence = row.sequence;
  if (rows_.size() == rows_.capacity())
    rows_.reserve(rows_.size() + std::max<std::size_t>(4, rows_.size() / 2));
  rows_.push_back(std::move(row));
  auto& record = rows_[at].record;
  record.shrink_to_fit();
  cached_bytes_ += record.size();
  auto summary = persistence::decode_summary(record);
  CLOISTER_ASSERT(summary.has_value());
  rows_[at].conversation = conversation_of(summary->metadata, as_);
  in_conversation_ += rows_[at].conversation != 0 ? 1u : 0u;
  if (summary->key)
    keys_[std::string{*summary->key}] = at;
  if (summary->dimensions > 0)
    ++dimensions_[summary->dimensions];
  auto place = order_.cend();
  if (!order_.empty() && rows_[order_.back()].sequence > sequence)
    place = place_of(sequence);
  order_.insert(place, at);
  if (order_.size() > slots_.size() / 4 * 3)
    rehash();
  else
    slots_[slot_of(rows_[at].id)] = at + 1;
}

bool memory_table::index_more(const std::function<bool()>& must_yield) {
  while (!is_all_indexed()) {
    auto row = static_cast<std::uint32_t>(index_.rows());
    auto summary = persistence::decode_summary(rows_[row].record);
    CLOISTER_ASSERT(summary.has_value());
    index_.add(row, summary->content);
    if (!is_all_indexed() && must_yield())
      return false;
  }
  return true;
}

void memory_table::index_all() {
  index_more([] { return false; });
}

void memory_table::erase(std::uint32_t row, bytes_view record) {
  index_all();
  auto& gone = rows_[row];
  CLOISTER_ASSERT(gone.sequence != 0);
  auto summary = persistence::decode_summary(record);
  CLOISTER_ASSERT(summary.has_value());
  index_.remove(row, summary->content);
  if (summary->key) {
    auto found = keys_.find(std::string{*summary->key});
    if (found != keys_.end() && found->second == row)
      keys_.erase(found);
  }
  if (auto known = dimensions_.find(summary->dimensions);
      known != dimensions_.end() && --known->second == 0)
    dimensions_.erase(known);
  order_.erase(place_of(gone.sequence));
  cached_bytes_ -= gone.record.size();
  uncached_ -= gone.record.empty() ? 1u : 0u;
  in_conversation_ -= gone.conversation != 0 ? 1u : 0u;
  erase_slot(gone.id);
  gone = {};
  if (index_.must_purge())
    forget_removed();
}

/// Closes the gaps that erased rows left, here as in the index.
void memory_table::forget_removed() {
  index_all();
  auto numbers = index_.purge();
  std::size_t kept = 0;
  for (std::size_t row = 0; row < rows_.size(); ++row)
    if (numbers[row] != search::posting_list::gone) {
      // Moved to itself a record would be emptied.
      if (kept != row)
        rows_[kept] = std::move(rows_[row]);
      ++kept;
    }
  rows_.resize(kept);
  rows_.shrink_to_fit();
  for (auto& row : order_)
    row = numbers[row];
  for (auto& [key, row] : keys_)
    row = numbers[row];
  eviction_hand_ = 0;
  rehash();
}

std::vector<std::uint32_t>::const_iterator
memory_table::place_of(std::uint64_t sequence) const {
  return std::lower_bound(order_.begin(), order_.end(), sequence,
                          [this](std::uint32_t row, std::uint64_t wanted) {
                            return rows_[row].sequence < wanted;
                          });
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
  replace(memory_table{cache_bytes_max_, as_});
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
  auto place = place_of(sequence);
  if (place == order_.end() || rows_[*place].sequence != sequence)
    return std::nullopt;
  return *place;
}

void memory_table::newest_first(
  std::optional<std::uint64_t> before,
  const std::function<bool(std::uint32_t)>& visit) const {
  auto end = before ? place_of(*before) : order_.end();
  while (end != order_.begin())
    if (!visit(*--end))
      return;
}

void memory_table::oldest_first(
  std::optional<std::uint64_t> after,
  const std::function<bool(std::uint32_t)>& visit) const {
  auto at = after ? place_of(*after + 1) : order_.begin();
  while (at != order_.end())
    if (!visit(*at++))
      return;
}

void memory_table::neighbours(std::uint32_t row, std::size_t reach,
                              std::vector<search::neighbour>& out) const {
  // Other conversations may be written in between, but not without end.
  constexpr std::ptrdiff_t looked_at_max = 8;
  auto which = rows_[row].conversation;
  if (which == 0)
    return;
  auto size = static_cast<std::ptrdiff_t>(order_.size());
  auto from = place_of(rows_[row].sequence) - order_.begin();
  for (auto direction : {-1, 1}) {
    std::size_t distance = 0;
    for (std::ptrdiff_t i = 1; i <= looked_at_max && distance < reach; ++i) {
      auto at = from + direction * i;
      if (at < 0 || at >= size)
        break;
      auto near = order_[static_cast<std::size_t>(at)];
      if (rows_[near].conversation == which)
        out.push_back({near, ++distance});
    }
  }
}

void memory_table::cache(std::uint32_t row, bytes record) {
  cached_bytes_ += record.size() - rows_[row].record.size();
  uncached_ -= rows_[row].record.empty() ? 1u : 0u;
  rows_[row].record = std::move(record);
}

void memory_table::shrink_cache() {
  auto looked_at = rows_.size();
  while (cached_bytes_ > cache_bytes_max_ && looked_at-- > 0) {
    eviction_hand_ = (eviction_hand_ + 1) % rows_.size();
    auto& row = rows_[eviction_hand_];
    // What is not indexed yet is still needed.
    if (row.record.empty() || eviction_hand_ >= index_.rows())
      continue;
    ++uncached_;
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
