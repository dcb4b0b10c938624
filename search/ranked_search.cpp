// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/ranked_search.hpp"

#include <algorithm>

#include "search/search_window.hpp"

namespace cloister::search {

namespace {

/// Hits that are ranked again in their context, at least.
constexpr std::size_t context_pool_min = 20;
/// More than the limit are not kept beyond.
constexpr std::size_t context_pool_max = 200;

} // namespace

ranked_search::ranked_search(const query& wanted,
                             const corpus_statistics& statistics,
                             std::size_t limit)
  : query_(wanted), scorer_(wanted, statistics), limit_(limit), pool_(limit) {}

void ranked_search::restart(const inverted_index& index,
                            const search_view& view) {
  started_ = true;
  removals_ = index.removals();
  pool_ = view.neighbours ? std::max(
            limit_, std::clamp(2 * limit_, context_pool_min, context_pool_max))
                          : limit_;
  kept_.clear();
  ranked_.clear();
  admitted_.clear();
  judged_ = 0;
  in_context_ = false;
  next_ = 0;
}

bool ranked_search::step(const inverted_index& index, const search_view& view) {
  if (!started_) {
    restart(index, view);
  } else if (removals_ != index.removals()) {
    // Numbers may now be those of other documents.
    restart(index, view);
    ++restarts_;
  }
  constexpr document slow_window = 2;
  auto size = view.is_judge_slow ? slow_window : search_window::documents_max;
  search_window window{index, query_, scorer_};
  // What is added while contexts are ranked comes too late for this search.
  while (!in_context_ && next_ < index.rows()) {
    window.look_at(next_, size, threshold());
    window.for_each([&](document doc, points score) {
      offer(score, doc, index, view);
      return threshold();
    });
    next_ = window.end();
    if (next_ < index.rows() && view.must_yield(restarts_))
      return false;
  }
  if (!view.neighbours)
    return true;
  if (!in_context_)
    rank_in_context(index, view);
  return judge_ranked(view);
}

void ranked_search::offer(points score, document doc,
                          const inverted_index& index,
                          const search_view& view) {
  if (score < threshold() || index.is_removed(doc))
    return;
  hit found{score, view.order(doc), doc};
  auto is_full = kept_.size() == pool_;
  if ((is_full && !(found < kept_.front())) || !view.judge(doc))
    return;
  if (is_full) {
    std::pop_heap(kept_.begin(), kept_.end());
    kept_.pop_back();
  }
  kept_.push_back(found);
  std::push_heap(kept_.begin(), kept_.end());
}

void ranked_search::rank_in_context(const inverted_index& index,
                                    const search_view& view) {
  // The hits, and whom they are the context of.
  std::vector<neighbour> around;
  std::vector<document> wanted;
  for (const auto& each : kept_) {
    around.clear();
    view.neighbours(each.doc, around);
    wanted.push_back(each.doc);
    for (const auto& near : around)
      wanted.push_back(near.doc);
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  // Their contexts reach one step further.
  struct entry {
    document doc;
    std::vector<neighbour> around;
  };
  std::vector<entry> entries;
  auto scored = wanted;
  for (auto doc : wanted) {
    entry made{doc, {}};
    view.neighbours(doc, made.around);
    for (const auto& near : made.around)
      scored.push_back(near.doc);
    entries.push_back(std::move(made));
  }
  std::sort(scored.begin(), scored.end());
  scored.erase(std::unique(scored.begin(), scored.end()), scored.end());
  auto scores = search_window{index, query_, scorer_}.scores_of(scored);
  auto score_of = [&](document doc) {
    auto at = std::lower_bound(scored.begin(), scored.end(), doc);
    return scores[static_cast<std::size_t>(at - scored.begin())];
  };
  for (const auto& each : entries) {
    points context = 0;
    for (const auto& near : each.around)
      if (near.distance <= context_percent.size())
        context = std::max(
          context,
          static_cast<points>(std::uint64_t{score_of(near.doc)}
                              * context_percent[near.distance - 1] / 100));
    if (!index.is_removed(each.doc))
      ranked_.push_back(
        {score_of(each.doc) + context, view.order(each.doc), each.doc});
  }
  std::sort(ranked_.begin(), ranked_.end());
  admitted_ = std::move(kept_);
  kept_.clear();
  std::sort(admitted_.begin(), admitted_.end(),
            [](const hit& a, const hit& b) { return a.doc < b.doc; });
  in_context_ = true;
}

/// Judging may take long: no more than are wanted, and not all in one go.
/// Returns whether done.
bool ranked_search::judge_ranked(const search_view& view) {
  for (; judged_ < ranked_.size() && kept_.size() < limit_; ++judged_) {
    const auto& each = ranked_[judged_];
    auto is_hit = std::binary_search(
      admitted_.begin(), admitted_.end(), each,
      [](const hit& a, const hit& b) { return a.doc < b.doc; });
    if (is_hit || view.judge(each.doc))
      kept_.push_back(each);
    if (!is_hit && view.must_yield(restarts_)) {
      ++judged_;
      return false;
    }
  }
  std::make_heap(kept_.begin(), kept_.end());
  return true;
}

std::vector<scored_document> ranked_search::best() const {
  auto sorted = kept_;
  std::sort(sorted.begin(), sorted.end());
  if (sorted.size() > limit_)
    sorted.resize(limit_);
  std::vector<scored_document> out;
  out.reserve(sorted.size());
  for (const auto& each : sorted)
    out.push_back({each.doc, share_of(each.score)});
  return out;
}

} // namespace cloister::search
