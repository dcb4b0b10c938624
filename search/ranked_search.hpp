// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "search/inverted_index.hpp"

namespace cloister::search {

/// A query's distinct terms.
struct query {
  std::vector<std::string> terms;
};

/// Analyzes a query like a memory; keeps `limits::query_terms_max` terms.
query parse_query(std::string_view text);

/// What BM25 needs to know of a collection: of one scope or, so that hits of
/// several scopes compare fairly, of all of them together.
struct corpus_statistics {
  std::uint64_t documents = 0;
  std::uint64_t total_length = 0;
  /// For each of the query's terms, in how many documents it occurs.
  std::vector<std::uint64_t> document_frequencies;

  void add(const corpus_statistics& other);
};

corpus_statistics statistics_of(const inverted_index& index,
                                const query& wanted);

struct scored_document {
  document doc = 0;
  /// 0 to 1: the share of the score that an ideal document would have.
  float score = 0;
};

/// Whether a document may be answered, and its rank among equal scores: the
/// larger `order` comes first.
struct candidate {
  bool admitted = false;
  std::uint64_t order = 0;
};

/// One search in progress: BM25 (S. Robertson and H. Zaragoza, "The
/// Probabilistic Relevance Framework: BM25 and Beyond", 2009) over all postings
/// of all terms. May be interrupted and resumed; documents may be added, which
/// it does not see, and removed, which `best` is asked about. One thread at a
/// time, the index's.
class ranked_search {
public:
  ranked_search(query wanted, corpus_statistics statistics, std::size_t limit);

  /// Goes on until done or until `must_yield` says so. Returns whether done.
  bool step(const inverted_index& index,
            const std::function<bool()>& must_yield);

  /// The best documents, best first, once `step` returned true. `judge` must
  /// not admit those that were removed.
  std::vector<scored_document>
  best(const std::function<candidate(document)>& judge) const;

private:
  void restart(const inverted_index& index);
  void score(const inverted_index& index, std::span<const posting> postings);

  query query_;
  corpus_statistics statistics_;
  std::size_t limit_;
  std::vector<float> scores_;
  std::size_t term_ = 0;
  /// The first document of the current term that was not looked at.
  document next_document_ = 0;
  std::uint64_t removals_ = 0;
  int restarts_ = 0;
  bool started_ = false;
};

} // namespace cloister::search
