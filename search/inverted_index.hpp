// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/language.hpp"
#include "search/posting_list.hpp"

namespace cloister::search {

/// The inverted index of one scope, in memory. Terms are kept in one arena and
/// found by open addressing, because most scopes are small and there are many.
/// One thread at a time.
class inverted_index {
public:
  explicit inverted_index(language in) : language_(in) {}
  inverted_index(inverted_index&&) = default;
  inverted_index& operator=(inverted_index&&) = default;

  /// What texts and queries are analyzed with.
  language in() const {
    return language_;
  }

  /// Indexes a text. The document's number must be at least `rows()`.
  void add(document doc, std::string_view text);

  /// Takes a document out; `text` is what it was added with. Its postings stay,
  /// and its number is used, until `purge`.
  void remove(document doc, std::string_view text);

  /// Whether so much was removed that `purge` is worth its time, which is that
  /// of looking at every posting.
  bool must_purge() const {
    return removed_count_ > removed_kept + documents_ / 2;
  }
  /// Takes out the postings of all removed documents, and numbers the others
  /// anew: without gaps, in the same order. Answers the new number of each old
  /// one, or `posting_list::gone`.
  std::vector<document> purge();

  /// Postings of a term, removed documents included; null if there are none.
  /// Valid until the index changes.
  const posting_list* postings(std::string_view term) const;

  /// In how many documents a term occurs.
  std::uint64_t frequency(std::string_view term) const;

  /// How many documents.
  std::uint64_t documents() const {
    return documents_;
  }
  /// How many terms all documents have together.
  std::uint64_t total_length() const {
    return total_length_;
  }
  /// How many terms a document has, about.
  length_code length_of(document doc) const {
    return lengths_[doc];
  }
  bool is_removed(document doc) const {
    return doc < removed_.size() && removed_[doc];
  }
  /// One more than the largest document number in use.
  std::size_t rows() const {
    return lengths_.size();
  }
  /// Grows whenever a document is taken out, or numbers change.
  std::uint64_t removals() const {
    return removals_;
  }
  /// Makes `removals` exceed that of an index this one takes the place of.
  void continue_from(const inverted_index& former) {
    removals_ = former.removals_ + 1;
  }
  /// Bytes of heap memory.
  std::size_t memory_bytes() const;

private:
  friend class index_codec;

  static constexpr std::uint64_t removed_kept = 16;

  struct term_entry {
    posting_list postings;
    std::uint32_t text_at = 0;
    std::uint8_t text_size = 0;
  };

  std::string_view text_of(const term_entry& entry) const {
    return std::string_view{arena_}.substr(entry.text_at, entry.text_size);
  }
  /// A slot and the bits of a hash that it has or would have.
  struct place {
    std::size_t slot;
    std::uint32_t fingerprint;
  };
  /// Where a term is or would be.
  place place_of(std::string_view text) const;
  /// The number of the term in a slot, plus one; 0 is empty.
  std::uint32_t number_in(std::size_t slot) const {
    return slots_[slot] & static_cast<std::uint32_t>(slots_.size() - 1);
  }
  /// The number of a term, its place in `terms_`.
  std::uint32_t find_or_add(std::string_view text);
  void grow();
  void fill_slots();
  void drop_empty_terms();

  language language_;
  std::string arena_;
  std::vector<term_entry> terms_;
  /// Indexes into `terms_` plus one; 0 is empty. A power of two long. The bits
  /// that such a number cannot have are those of the term's hash, so that other
  /// terms are seldom looked at.
  std::vector<std::uint32_t> slots_;
  std::vector<length_code> lengths_;
  std::uint64_t documents_ = 0;
  std::uint64_t total_length_ = 0;
  std::uint64_t removals_ = 0;
  std::ptrdiff_t posting_bytes_ = 0;
  /// Documents that were removed and not purged; as long as needed.
  std::vector<bool> removed_;
  std::uint64_t removed_count_ = 0;
  /// By the number of a term: how many of its postings are of such documents.
  std::unordered_map<std::uint32_t, std::uint32_t> removed_postings_;
};

} // namespace cloister::search
