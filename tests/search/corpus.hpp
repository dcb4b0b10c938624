// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>

#include "search/analyzer.hpp"
#include "search/ranked_search.hpp"

namespace cloister::search {

/// What these texts are analyzed as.
inline constexpr auto in = language::english;

inline search_view view_of(std::function<bool(document)> judge) {
  search_view out;
  out.judge = std::move(judge);
  out.order = [](document doc) { return doc; };
  out.must_yield = [](int) { return true; };
  return out;
}

inline bool by_number(document) {
  return true;
}

inline std::vector<scored_document>
run(const inverted_index& index, const query& wanted, std::size_t limit,
    const search_view& view = view_of(by_number)) {
  ranked_search search{wanted, statistics_of(index, wanted), limit};
  while (!search.step(index, view))
    ;
  return search.best();
}

/// Texts and an index over them that agree on what is there.
struct corpus {
  std::vector<std::string> texts;
  std::vector<bool> present;
  inverted_index index{in};

  void add(const std::string& text) {
    index.add(static_cast<document>(texts.size()), text);
    texts.push_back(text);
    present.push_back(true);
  }

  void remove(document doc) {
    if (!present[doc])
      return;
    index.remove(doc, texts[doc]);
    present[doc] = false;
  }

  void purge() {
    auto numbers = index.purge();
    std::vector<std::string> kept;
    for (document doc = 0; doc < texts.size(); ++doc)
      if (numbers[doc] != posting_list::gone) {
        REQUIRE(numbers[doc] == kept.size());
        kept.push_back(texts[doc]);
      }
    texts = std::move(kept);
    present.assign(texts.size(), true);
  }

  /// What looking at every document finds, without the index.
  std::vector<std::pair<points, document>> by_exhaustion(const query& wanted) {
    scorer by{wanted, statistics()(wanted)};
    std::vector<std::pair<points, document>> out;
    for (document doc = 0; doc < texts.size(); ++doc) {
      if (!present[doc])
        continue;
      auto terms = terms_of(texts[doc]);
      auto length = encode_length(static_cast<std::uint32_t>(terms.size()));
      points score = 0;
      for (std::size_t i = 0; i < wanted.terms.size(); ++i) {
        auto count
          = std::count(terms.begin(), terms.end(), wanted.terms[i].term);
        if (count > 0)
          score += by.of(i, static_cast<std::uint32_t>(count), length);
      }
      if (score > 0)
        out.emplace_back(score, doc);
    }
    std::sort(out.begin(), out.end(), std::greater<>{});
    return out;
  }

  std::function<corpus_statistics(const query&)> statistics() {
    return [this](const query& wanted) {
      corpus_statistics out;
      for (document doc = 0; doc < texts.size(); ++doc) {
        if (!present[doc])
          continue;
        ++out.documents;
        out.total_length += terms_of(texts[doc]).size();
      }
      for (const auto& each : wanted.terms) {
        std::uint64_t count = 0;
        for (document doc = 0; doc < texts.size(); ++doc) {
          auto terms = terms_of(texts[doc]);
          count += present[doc]
                   && std::count(terms.begin(), terms.end(), each.term) > 0;
        }
        out.frequencies.push_back({each.term, count});
      }
      return out;
    };
  }

private:
  const std::vector<std::string>& terms_of(const std::string& text) {
    auto& terms = known_[text];
    if (terms.empty())
      analyze(text, in, terms);
    return terms;
  }

  std::map<std::string, std::vector<std::string>> known_;
};

/// A word of letters alone, the same for the same number: one term, whatever is
/// done to words with digits in them.
inline std::string word(std::size_t number) {
  std::string out = "q";
  for (; number > 0; number /= 20)
    out += static_cast<char>('b' + number % 20);
  return out + "q";
}

/// A text of words whose ranks are distributed as in real ones (Zipf).
inline std::string random_text(std::mt19937& random, std::size_t words_max,
                               std::size_t vocabulary) {
  std::string out;
  auto count = 1 + random() % words_max;
  for (std::size_t i = 0; i < count; ++i) {
    auto u = static_cast<double>(random() % 100'000) / 100'000;
    auto rank = std::pow(static_cast<double>(vocabulary), u);
    out += word(static_cast<std::size_t>(rank)) + ' ';
  }
  return out;
}

/// Whether a search finds what looking at every document finds.
inline void check_exact(corpus& of, const query& wanted, std::size_t limit,
                        const search_view& view = view_of(by_number)) {
  auto expected = of.by_exhaustion(wanted);
  std::erase_if(expected,
                [&](const auto& each) { return !view.judge(each.second); });
  expected.resize(std::min(expected.size(), limit));
  auto found = run(of.index, wanted, limit, view);
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].doc == expected[i].second);
    CHECK(found[i].score == share_of(expected[i].first));
  }
}

} // namespace cloister::search
