// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "search/inverted_index.hpp"
#include "search/query.hpp"
#include "search/scorer.hpp"

namespace cloister::search {

struct scored_document {
  document doc = 0;
  /// 0 to 1: the share of the score that an ideal document would have.
  float score = 0;
};

/// A memory that was written next to another in the same conversation.
struct neighbour {
  document doc = 0;
  /// How many of that conversation lie between them, plus one.
  std::size_t distance = 1;
};

/// What a search asks about the documents it meets.
struct search_view {
  /// Whether a document may be answered; not asked about removed ones.
  std::function<bool(document)> judge;
  /// Its rank among equal scores: the larger comes first.
  std::function<std::uint64_t(document)> order;
  /// Appends a document's neighbours; empty where nothing is a conversation.
  std::function<void(document, std::vector<neighbour>&)> neighbours;
  /// How often a search had to begin again is given, so that it can be let
  /// run for longer.
  std::function<bool(int restarts)> must_yield;
  /// Judges few documents at a time, so that it can yield.
  bool is_judge_slow = false;
};

/// One search in progress, for the best documents by `scorer`.
///
/// Documents are looked at in windows of their numbers. Terms whose bounds do
/// not together reach the score of the worst hit so far are only looked up for
/// documents that have another term: MaxScore (H. Turtle and J. Flood, "Query
/// evaluation: strategies and optimizations", 1995) with bounds for blocks of
/// postings (S. Ding and T. Suel, "Faster top-k document retrieval using
/// block-max indexes", 2011). What is found is exactly what scoring every
/// document would find.
///
/// In a conversation an answer seldom repeats the words of its question. So
/// where there are neighbours, the best documents and their neighbours are
/// ranked again by
///
///   score(d) + max over neighbours of  context(distance) * score(neighbour)
///
/// May be interrupted and resumed; documents may come and go meanwhile. One
/// thread at a time, the index's.
class ranked_search {
public:
  ranked_search(const query& wanted, const corpus_statistics& statistics,
                std::size_t limit);

  /// What its words were analyzed with.
  language in() const {
    return query_.in;
  }

  /// Goes on until done or until told to yield. Returns whether done.
  bool step(const inverted_index& index, const search_view& view);

  /// The best documents, best first, once `step` returned true; valid as long
  /// as the index does not change.
  std::vector<scored_document> best() const;

  /// What a neighbour's score adds, in percent, by its distance less one.
  static constexpr std::array<points, 2> context_percent{40, 28};

private:
  struct hit {
    points score = 0;
    std::uint64_t order = 0;
    document doc = 0;
    friend bool operator<(const hit& a, const hit& b) {
      // "Less" is "better", so that the worst is on top of a heap.
      return a.score != b.score ? a.score > b.score : a.order > b.order;
    }
  };

  /// A hit that scores less does not count.
  points threshold() const {
    return kept_.size() < pool_ ? 1 : kept_.front().score;
  }
  void restart(const inverted_index& index, const search_view& view);
  void offer(points score, document doc, const inverted_index& index,
             const search_view& view);
  void rank_in_context(const inverted_index& index, const search_view& view);
  bool judge_ranked(const search_view& view);

  query query_;
  scorer scorer_;
  std::size_t limit_;
  /// How many hits are kept on the way.
  std::size_t pool_;
  /// A heap.
  std::vector<hit> kept_;
  /// Hits and their context, best first; those up to `judged_` have been looked
  /// at, and what was kept before is `admitted_`, by document.
  std::vector<hit> ranked_;
  std::vector<hit> admitted_;
  std::size_t judged_ = 0;
  bool in_context_ = false;
  /// Where to go on.
  document next_ = 0;
  std::uint64_t removals_ = 0;
  int restarts_ = 0;
  bool started_ = false;
};

} // namespace cloister::search
