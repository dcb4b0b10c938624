// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include <set>

#include "tests/search/corpus.hpp"

using namespace cloister;
using namespace cloister::search;

TEST_CASE("pruning finds exactly what looking at everything finds",
          "[search]") {
  auto seed = GENERATE(range(1u, 13u));
  CAPTURE(seed);
  std::mt19937 random{seed};
  corpus docs;
  auto size = 1 + random() % 3000;
  auto words_max = 1 + random() % 60;
  auto vocabulary = 2 + random() % 3000;
  for (std::size_t i = 0; i < size; ++i)
    docs.add(random_text(random, words_max, vocabulary));
  // A long one with words without end.
  docs.add(random_text(random, 20'000, 3));
  auto ask = [&] {
    for (int i = 0; i < 12; ++i) {
      auto wanted = parse_query(random_text(random, 10, vocabulary), in);
      check_exact(docs, wanted, 1 + random() % 20);
      check_exact(docs, wanted, 1 + random() % 20,
                  view_of([](document doc) { return doc % 7 == 3; }));
      auto slow = view_of(by_number);
      slow.is_judge_slow = true;
      check_exact(docs, wanted, 10, slow);
    }
  };
  ask();
  for (std::size_t i = 0; i < size / 3; ++i)
    docs.remove(static_cast<document>(random() % docs.texts.size()));
  ask();
  docs.purge();
  ask();
  for (std::size_t i = 0; i < size / 2; ++i)
    docs.add(random_text(random, words_max, vocabulary));
  ask();
}

TEST_CASE("scores are those of BM25's definition", "[search]") {
  std::mt19937 random{7};
  corpus docs;
  for (int i = 0; i < 300; ++i)
    docs.add(random_text(random, 25, 30));
  auto wanted
    = parse_query(word(2) + ' ' + word(3) + ' ' + word(9) + ' ' + word(3), in);
  auto statistics = docs.statistics()(wanted);
  auto n = static_cast<double>(statistics.documents);
  auto average = static_cast<double>(statistics.total_length) / n;
  std::vector<std::string> terms;
  for (const auto& [doc, score] : run(docs.index, wanted, 300)) {
    analyze(docs.texts[doc], in, terms);
    double expected = 0;
    double ideal = 0;
    for (std::size_t i = 0; i < wanted.terms.size(); ++i) {
      auto df = static_cast<double>(statistics.frequencies[i].documents);
      auto count = static_cast<double>(wanted.terms[i].count);
      auto weight = std::log(1 + (n - df + 0.5) / (df + 0.5)) * count * 1001
                    / (count + 1000);
      auto tf = static_cast<double>(
        std::count(terms.begin(), terms.end(), wanted.terms[i].term));
      auto norm
        = 0.2 + 0.8 * (static_cast<double>(terms.size()) + 25) / (average + 25);
      expected += weight * tf / (tf + 1.2 * norm);
      ideal += weight;
    }
    CHECK(score == Approx(expected / ideal).epsilon(1e-4));
  }
}

TEST_CASE("equal scores come in a stable order, the newest first", "[search]") {
  inverted_index index{in};
  for (document doc = 0; doc < 20; ++doc)
    index.add(doc, "same words");
  auto found = run(index, parse_query("same", in), 5);
  REQUIRE(found.size() == 5);
  for (document i = 0; i < 5; ++i)
    CHECK(found[i].doc == 19 - i);
}

TEST_CASE("a search goes on while documents come and go", "[search]") {
  inverted_index index{in};
  for (document doc = 0; doc < 10'000; ++doc)
    index.add(doc, "common " + std::to_string(doc));
  auto wanted = parse_query("common", in);
  ranked_search search{wanted, statistics_of(index, wanted), 3};
  auto view = view_of(by_number);
  CHECK_FALSE(search.step(index, view));
  auto removing = GENERATE(false, true);
  if (removing)
    index.remove(9'999, "common 9999");
  index.add(10'000, "common late");
  int steps = 0;
  while (!search.step(index, view))
    ++steps;
  CHECK(steps < 100);
  auto best = search.best();
  REQUIRE(best.size() == 3);
  CHECK(best[0].doc == 10'000);
  CHECK(best[1].doc == (removing ? 9'998 : 9'999));
}

TEST_CASE("a search begins anew when documents get other numbers", "[search]") {
  inverted_index index{in};
  for (document doc = 0; doc < 10'000; ++doc)
    index.add(doc, "common " + std::to_string(doc));
  auto wanted = parse_query("common late", in);
  ranked_search search{wanted, statistics_of(index, wanted), 10'000};
  auto view = view_of(by_number);
  CHECK_FALSE(search.step(index, view));
  for (document doc = 0; doc < 5; ++doc)
    index.remove(doc, "common " + std::to_string(doc));
  index.purge();
  index.add(9'995, "common late");
  while (!search.step(index, view))
    ;
  auto best = search.best();
  CHECK(best.size() == 9'996);
  CHECK(best.front().doc == 9'995);
}

TEST_CASE("an index over two scopes scores like one over both", "[search]") {
  inverted_index both{in};
  inverted_index a{in};
  inverted_index b{in};
  for (document doc = 0; doc < 50; ++doc) {
    auto text = doc % 3 == 0 ? "apple pie" : doc % 5 == 0 ? "apple" : "pear";
    both.add(doc, text);
    auto& part = doc % 2 == 0 ? a : b;
    part.add(doc / 2, text);
  }
  auto wanted = parse_query("apple pie", in);
  auto together = statistics_of(a, wanted);
  together.add(statistics_of(b, wanted));
  CHECK(together.frequency_of("appl")
        == statistics_of(both, wanted).frequency_of("appl"));
  ranked_search in_a{wanted, together, 100};
  while (!in_a.step(a, view_of(by_number)))
    ;
  std::map<document, float> expected;
  for (const auto& hit : run(both, wanted, 100))
    expected[hit.doc] = hit.score;
  for (const auto& hit : in_a.best())
    CHECK(hit.score == expected[hit.doc * 2]);
}
