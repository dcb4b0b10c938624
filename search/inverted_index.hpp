// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cloister::search {

/// A document is a row of the scope's memory table.
using document = std::uint32_t;

/// How often a term occurs in a document.
struct posting {
  document doc = 0;
  std::uint32_t frequency = 0;
};

/// A growable array of postings, sorted by document, that holds a single one
/// without a heap allocation: most terms of a small scope occur once.
class posting_list {
public:
  posting_list() = default;
  posting_list(posting_list&& other) noexcept;
  posting_list& operator=(posting_list&& other) noexcept;
  posting_list(const posting_list&) = delete;
  posting_list& operator=(const posting_list&) = delete;
  ~posting_list();

  std::span<const posting> view() const;
  /// Answers by how much its heap memory grew, in bytes.
  std::size_t insert(posting added);
  /// Takes out postings of documents for which `gone` has true. Answers by how
  /// much its heap memory shrank, in bytes.
  std::size_t erase(const std::vector<bool>& gone);

private:
  posting* data();

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  union {
    posting one_{};
    posting* many_;
  };
};

/// The inverted index of one scope, in memory. Terms are kept in one arena and
/// found by open addressing, because most scopes are small and there are many.
/// One thread at a time.
class inverted_index {
public:
  inverted_index() = default;
  inverted_index(inverted_index&&) = default;
  inverted_index& operator=(inverted_index&&) = default;

  /// Indexes a text under an unused document number.
  void add(document doc, std::string_view text);

  /// Takes a document out, at a cost that does not depend on how many there
  /// are. Its postings stay, and its number is used, until `purge`.
  void remove(document doc);

  /// Whether so much was removed that `purge` is worth its time, which is that
  /// of looking at every posting.
  bool must_purge() const {
    return removed_count_ > removed_kept + documents_ / 2;
  }
  /// Takes out the postings of all removed documents.
  void purge();

  /// Postings of a term in ascending order of documents, removed ones
  /// included; empty if unknown. Valid until the index changes.
  std::span<const posting> postings(std::string_view term) const;

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
  /// How many terms a document has.
  std::uint32_t length_of(document doc) const {
    return doc < lengths_.size() ? lengths_[doc] : 0;
  }
  /// One more than the largest document number ever used.
  std::size_t rows() const {
    return lengths_.size();
  }
  /// Grows whenever a document is taken out, or a number is used again.
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
  static constexpr std::uint64_t removed_kept = 16;

  struct term_entry {
    std::uint32_t text_at = 0;
    std::uint32_t text_size = 0;
    posting_list postings;
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

  std::string arena_;
  std::vector<term_entry> terms_;
  /// Indexes into `terms_` plus one; 0 is empty. A power of two long. The bits
  /// that such a number cannot have are those of the term's hash, so that other
  /// terms are seldom looked at.
  std::vector<std::uint32_t> slots_;
  std::vector<std::uint32_t> lengths_;
  std::uint64_t documents_ = 0;
  std::uint64_t total_length_ = 0;
  std::uint64_t removals_ = 0;
  std::size_t posting_bytes_ = 0;
  /// Documents that were removed and not purged; as long as needed.
  std::vector<bool> removed_;
  std::uint64_t removed_count_ = 0;
};

} // namespace cloister::search
