// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/language.hpp"
#include "search/inverted_index.hpp"

namespace cloister::search {

struct query_term {
  std::string term;
  /// How often the query has it.
  std::uint32_t count = 1;
};

/// A query's distinct terms, in the order of their first occurrence.
struct query {
  std::vector<query_term> terms;
  language in = language::none;
};

/// Analyzes a query like a memory of that language. Stop words are passed over
/// unless there is nothing else; keeps `limits::query_terms_max` terms.
query parse_query(std::string_view text, language in);

/// What BM25 needs to know of a collection: of one scope or, so that hits of
/// several scopes compare fairly, of all of them together.
struct corpus_statistics {
  struct term_frequency {
    std::string term;
    /// In how many documents it occurs.
    std::uint64_t documents = 0;
  };

  /// What the words were analyzed with.
  language in = language::none;
  std::uint64_t documents = 0;
  /// In terms.
  std::uint64_t total_length = 0;
  /// Of each of the query's terms.
  std::vector<term_frequency> frequencies;

  void add(const corpus_statistics& other);
  std::uint64_t frequency_of(std::string_view term) const;
};

corpus_statistics statistics_of(const inverted_index& index,
                                const query& wanted);

} // namespace cloister::search
