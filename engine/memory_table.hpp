// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/bytes.hpp"
#include "core/clock.hpp"
#include "core/memory_id.hpp"
#include "core/string_hash.hpp"
#include "search/inverted_index.hpp"
#include "search/ranked_search.hpp"

namespace cloister::engine {

using record_tag = std::array<std::uint8_t, 16>;

/// One memory of an active scope. The plaintext record may be dropped and read
/// again; the rest stays.
struct memory_row {
  /// 0 for a free row.
  std::uint64_t sequence = 0;
  memory_id id;
  std::int64_t expires_at = 0;
  std::uint32_t revision = 0;
  std::uint32_t type_hash = 0;
  /// Authentication tag of the sealed record.
  record_tag tag{};
  /// Plaintext record; empty when not cached.
  bytes record;
  /// A hash of the conversation it belongs to; 0 for none. Set by the table.
  std::uint32_t conversation = 0;
};

/// What a table's memories are indexed as.
struct indexing {
  language in = language::english;
  /// Whether all of them are one conversation, as a session's are.
  bool is_conversation = false;
};

/// The committed memories of one scope and their index. Rows are numbered like
/// the index's documents, and anew when many were erased. The index may lag
/// behind: it takes longer than the rest, and searches alone need it. One
/// thread at a time.
class memory_table {
public:
  explicit memory_table(std::size_t cache_bytes_max, indexing as = {})
    : cache_bytes_max_(cache_bytes_max), as_(as), index_(as.in) {}

  /// A table whose first memories are those of an index, in its order: they are
  /// inserted without being indexed again.
  memory_table(std::size_t cache_bytes_max, indexing as,
               search::inverted_index index)
    : cache_bytes_max_(cache_bytes_max), as_(as), index_(std::move(index)) {}

  /// Adds a memory, to be indexed by `index_more`. Asserts that its record is
  /// there and whole.
  void insert(memory_row row);

  /// Indexes what was inserted, in order, until told to yield. Returns whether
  /// all is indexed.
  bool index_more(const std::function<bool()>& must_yield);
  void index_all();
  bool is_all_indexed() const {
    return index_.rows() >= rows_.size();
  }

  /// Takes a memory out, once all are indexed; `record` is its plaintext,
  /// cached or not. Other rows may change their numbers.
  void erase(std::uint32_t row, bytes_view record);

  void clear();

  /// Takes out of the index what was erased. Rows may change their numbers.
  void forget_removed();

  /// Takes over another table's content. Searches in progress notice.
  void replace(memory_table other);

  std::optional<std::uint32_t> find(const memory_id& id) const;
  std::optional<std::uint32_t> find_key(const std::string& key) const;
  std::optional<std::uint32_t> find_sequence(std::uint64_t sequence) const;

  const memory_row& at(std::uint32_t row) const {
    return rows_[row];
  }

  /// Rows in descending order of sequence, from below `before` on, until
  /// `visit` answers false.
  void newest_first(std::optional<std::uint64_t> before,
                    const std::function<bool(std::uint32_t)>& visit) const;

  /// The same in ascending order, from above `after` on.
  void oldest_first(std::optional<std::uint64_t> after,
                    const std::function<bool(std::uint32_t)>& visit) const;

  /// Appends the memories that were written just before and after one in the
  /// same conversation, up to `reach` each way.
  void neighbours(std::uint32_t row, std::size_t reach,
                  std::vector<search::neighbour>& out) const;

  /// Whether any memory is part of a conversation.
  bool has_conversations() const {
    return in_conversation_ > 0;
  }

  /// Of the embeddings; nothing where there are none. Those of stores of old
  /// may differ: then of some.
  std::optional<std::uint32_t> dimensions() const {
    if (dimensions_.empty())
      return std::nullopt;
    return dimensions_.begin()->first;
  }

  /// Whether every record is at hand.
  bool is_all_cached() const {
    return uncached_ == 0;
  }

  /// The record was sealed again.
  void set_tag(std::uint32_t row, const record_tag& tag) {
    rows_[row].tag = tag;
  }

  /// Puts a record back that was read again.
  void cache(std::uint32_t row, bytes record);

  /// Drops records, oldest rows first, until the cache fits its bound.
  void shrink_cache();

  const search::inverted_index& index() const {
    return index_;
  }

  std::size_t size() const {
    return order_.size();
  }

  /// Bytes of heap memory, roughly.
  std::size_t memory_bytes() const;

private:
  std::size_t slot_of(const memory_id& id) const;
  void erase_slot(const memory_id& id);
  void rehash();
  std::vector<std::uint32_t>::const_iterator
  place_of(std::uint64_t sequence) const;

  std::size_t cache_bytes_max_;
  indexing as_;
  std::size_t cached_bytes_ = 0;
  std::size_t uncached_ = 0;
  std::size_t in_conversation_ = 0;
  /// How many embeddings have so many.
  std::map<std::uint32_t, std::size_t> dimensions_;
  std::size_t eviction_hand_ = 0;
  std::vector<memory_row> rows_;
  /// Rows by ascending sequence.
  std::vector<std::uint32_t> order_;
  /// Open addressing: row plus one, 0 for empty. A power of two long.
  std::vector<std::uint32_t> slots_;
  std::unordered_map<std::string, std::uint32_t, string_hasher> keys_;
  search::inverted_index index_;
};

/// A short hash of a type, to pass over rows without their records.
std::uint32_t type_hash(std::string_view type);

} // namespace cloister::engine
