// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/query.hpp"

#include <algorithm>

#include "core/limits.hpp"
#include "core/string_hash.hpp"
#include "search/analyzer.hpp"

namespace cloister::search {

query parse_query(std::string_view text, language in) {
  std::vector<query_word> words;
  analyze(text, in, words);
  auto only_stop_words
    = std::all_of(words.begin(), words.end(),
                  [](const query_word& each) { return each.is_stop_word; });
  query out;
  out.in = in;
  std::unordered_map<std::string_view, std::size_t, string_hasher> known;
  for (const auto& [term, is_stop_word] : words) {
    if (is_stop_word && !only_stop_words)
      continue;
    auto found = known.find(term);
    if (found != known.end()) {
      ++out.terms[found->second].count;
    } else if (out.terms.size() < limits::query_terms_max) {
      known.emplace(term, out.terms.size());
      out.terms.push_back({term, 1});
    }
  }
  return out;
}

void corpus_statistics::add(const corpus_statistics& other) {
  in = other.in;
  documents += other.documents;
  total_length += other.total_length;
  for (std::size_t i = 0; i < other.frequencies.size(); ++i) {
    const auto& theirs = other.frequencies[i];
    // Scopes of one organization cut a query alike: mostly the same place.
    auto found = i < frequencies.size() && frequencies[i].term == theirs.term
                   ? frequencies.begin() + static_cast<std::ptrdiff_t>(i)
                   : std::find_if(frequencies.begin(), frequencies.end(),
                                  [&](const term_frequency& ours) {
                                    return ours.term == theirs.term;
                                  });
    if (found == frequencies.end())
      frequencies.push_back(theirs);
    else
      found->documents += theirs.documents;
  }
}

std::uint64_t corpus_statistics::frequency_of(std::string_view term) const {
  auto found = std::find_if(
    frequencies.begin(), frequencies.end(),
    [&](const term_frequency& each) { return each.term == term; });
  return found == frequencies.end() ? 0 : found->documents;
}

corpus_statistics statistics_of(const inverted_index& index,
                                const query& wanted) {
  corpus_statistics out;
  out.in = index.in();
  out.documents = index.documents();
  out.total_length = index.total_length();
  out.frequencies.reserve(wanted.terms.size());
  for (const auto& each : wanted.terms)
    out.frequencies.push_back({each.term, index.frequency(each.term)});
  return out;
}

} // namespace cloister::search
