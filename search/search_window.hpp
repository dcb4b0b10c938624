// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <bit>
#include <vector>

#include "search/inverted_index.hpp"
#include "search/query.hpp"
#include "search/scorer.hpp"

namespace cloister::search {

/// Reads a posting list from the left.
class posting_cursor {
public:
  posting_cursor(const posting_list& list, std::size_t term)
    : list_(&list), term_(term) {}

  /// Its number in the query.
  std::size_t term() const {
    return term_;
  }

  /// Goes to the first posting of at least `doc`; null at the end.
  const posting* seek(document doc);

  const posting* next() {
    if (++at_ < count_)
      return &buffer_[at_];
    return load(block_ + 1);
  }

  /// What no posting of the documents from `from` to before `to` exceeds.
  block_bounds bounds(document from, document to);

private:
  const posting* load(std::size_t block);

  static constexpr std::size_t no_block = ~std::size_t{0};

  const posting_list* list_;
  std::size_t term_;
  std::size_t block_ = no_block;
  std::size_t count_ = 0;
  std::size_t at_ = 0;
  /// Where `bounds` looked last.
  std::size_t bounds_from_ = 0;
  std::array<posting, block_postings_max> buffer_;
};

/// Scores a query's documents, a window of their numbers at a time, and leaves
/// out those that cannot reach a threshold. Used while the index stays as it
/// is.
class search_window {
public:
  search_window(const inverted_index& index, const query& wanted,
                const scorer& by);

  /// Scores `count` documents from `from` on, but for some that score less than
  /// `threshold`. Windows go from left to right.
  void look_at(document from, document count, points threshold);

  /// Calls `visit(document, score)` for the documents of the window; it answers
  /// the threshold that is now.
  template <class Visit>
  void for_each(Visit visit) {
    for (std::size_t i = 0; i < touched_.size(); ++i)
      for (auto bits = touched_[i]; bits != 0; bits &= bits - 1) {
        auto at
          = i * word_bits + static_cast<std::size_t>(std::countr_zero(bits));
        auto score = complete(from_ + static_cast<document>(at), scores_[at]);
        scores_[at] = 0;
        if (score >= threshold_)
          threshold_ = visit(from_ + static_cast<document>(at), score);
      }
    touched_ = {};
  }

  /// Where the next window begins.
  document end() const {
    return from_ + count_;
  }

  /// The scores of documents in ascending order; before any window.
  std::vector<points> scores_of(const std::vector<document>& wanted);

  /// Documents of one window.
  static constexpr document documents_max = 4096;

private:
  static constexpr std::size_t word_bits = 64;

  struct part {
    std::size_t cursor = 0;
    /// What this term adds at most in the window, and with all before it.
    points most = 0;
    points most_so_far = 0;
  };

  points complete(document doc, points score);
  void accumulate(posting_cursor& cursor);

  const inverted_index& index_;
  const scorer& scorer_;
  std::vector<posting_cursor> cursors_;
  /// Terms by what they add at most; the first `optional_` of them are looked
  /// up only.
  std::vector<part> parts_;
  std::size_t optional_ = 0;
  document from_ = 0;
  document count_ = 0;
  points threshold_ = 0;
  std::array<points, documents_max> scores_{};
  std::array<std::uint64_t, documents_max / word_bits> touched_{};
};

} // namespace cloister::search
