// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/ranked_search.hpp"

#include <algorithm>
#include <cmath>
#include <queue>

#include "core/limits.hpp"
#include "search/analyzer.hpp"

namespace cloister::search {

namespace {

// The usual values of Robertson and Zaragoza, section 3.5.
constexpr double k1 = 1.2;
constexpr double b = 0.75;

constexpr std::size_t postings_between_checks = 2048;
/// Beyond, a search runs to its end in one go rather than never.
constexpr int restarts_max = 3;

/// The weight of a term, never negative (Lucene's form of Robertson and Spärck
/// Jones' weight).
double weight_of(std::uint64_t documents, std::uint64_t frequency) {
  auto n = static_cast<double>(documents);
  auto df = static_cast<double>(frequency);
  return std::log(1.0 + (n - df + 0.5) / (df + 0.5));
}

double weight_of(const corpus_statistics& statistics, std::size_t term) {
  auto frequency = statistics.document_frequencies[term];
  return weight_of(std::max(statistics.documents, frequency), frequency);
}

} // namespace

query parse_query(std::string_view text) {
  query out;
  std::vector<std::string> terms;
  analyze(text, terms);
  for (auto& term : terms) {
    if (out.terms.size() == limits::query_terms_max)
      break;
    if (std::find(out.terms.begin(), out.terms.end(), term) == out.terms.end())
      out.terms.push_back(std::move(term));
  }
  return out;
}

void corpus_statistics::add(const corpus_statistics& other) {
  documents += other.documents;
  total_length += other.total_length;
  document_frequencies.resize(
    std::max(document_frequencies.size(), other.document_frequencies.size()));
  for (std::size_t i = 0; i < other.document_frequencies.size(); ++i)
    document_frequencies[i] += other.document_frequencies[i];
}

corpus_statistics statistics_of(const inverted_index& index,
                                const query& wanted) {
  corpus_statistics out;
  out.documents = index.documents();
  out.total_length = index.total_length();
  for (const auto& term : wanted.terms)
    out.document_frequencies.push_back(index.frequency(term));
  return out;
}

ranked_search::ranked_search(query wanted, corpus_statistics statistics,
                             std::size_t limit)
  : query_(std::move(wanted)),
    statistics_(std::move(statistics)),
    limit_(limit) {
  statistics_.document_frequencies.resize(query_.terms.size());
}

void ranked_search::restart(const inverted_index& index) {
  started_ = true;
  removals_ = index.removals();
  scores_.assign(index.rows(), 0);
  term_ = 0;
  next_document_ = 0;
}

bool ranked_search::step(const inverted_index& index,
                         const std::function<bool()>& must_yield) {
  if (!started_) {
    restart(index);
  } else if (removals_ != index.removals()) {
    // A row may now be another document: half a score would be wrong.
    restart(index);
    ++restarts_;
  }
  for (; term_ < query_.terms.size(); ++term_, next_document_ = 0) {
    auto postings = index.postings(query_.terms[term_]);
    auto from = std::lower_bound(
      postings.begin(), postings.end(), next_document_,
      [](const posting& p, document d) { return p.doc < d; });
    postings
      = postings.subspan(static_cast<std::size_t>(from - postings.begin()));
    while (!postings.empty()) {
      auto part
        = postings.first(std::min(postings.size(), postings_between_checks));
      score(index, part);
      next_document_ = part.back().doc + 1;
      postings = postings.subspan(part.size());
      if (restarts_ < restarts_max && must_yield())
        return false;
    }
  }
  return true;
}

void ranked_search::score(const inverted_index& index,
                          std::span<const posting> postings) {
  auto weight = weight_of(statistics_, term_);
  auto average = statistics_.documents == 0
                   ? 1.0
                   : static_cast<double>(statistics_.total_length)
                       / static_cast<double>(statistics_.documents);
  average = std::max(average, 1.0);
  for (const auto& [doc, frequency] : postings) {
    // What was added since the search began would be scored for some terms.
    if (doc >= scores_.size())
      break;
    auto tf = static_cast<double>(frequency);
    auto length = static_cast<double>(index.length_of(doc));
    auto norm = k1 * (1.0 - b + b * length / average);
    scores_[doc] += static_cast<float>(weight * tf * (k1 + 1.0) / (tf + norm));
  }
}

std::vector<scored_document>
ranked_search::best(const std::function<candidate(document)>& judge) const {
  struct entry {
    float score;
    std::uint64_t order;
    document doc;
    bool operator<(const entry& other) const {
      // "Less" is "better", so that the worst kept is on top of the heap.
      return score != other.score ? score > other.score : order > other.order;
    }
  };
  std::priority_queue<entry> kept;
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    if (scores_[i] <= 0)
      continue;
    auto doc = static_cast<document>(i);
    if (kept.size() == limit_ && scores_[i] < kept.top().score)
      continue;
    auto verdict = judge(doc);
    if (!verdict.admitted)
      continue;
    kept.push({scores_[i], verdict.order, doc});
    if (kept.size() > limit_)
      kept.pop();
  }
  double ideal = 0;
  for (std::size_t i = 0; i < query_.terms.size(); ++i)
    ideal += weight_of(statistics_, i) * (k1 + 1.0);
  std::vector<scored_document> out(kept.size());
  for (auto i = out.size(); i-- > 0; kept.pop()) {
    auto share = static_cast<double>(kept.top().score) / ideal;
    out[i] = {kept.top().doc, static_cast<float>(std::min(share, 1.0))};
  }
  return out;
}

} // namespace cloister::search
