// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/ranked_search.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

using namespace cloister::search;

namespace {

/// BM25 once more, from the definition and without an index.
double score_by_definition(const std::vector<std::vector<std::string>>& docs,
                           const std::vector<bool>& present, std::size_t doc,
                           const query& wanted) {
  double documents = 0;
  double total = 0;
  for (std::size_t i = 0; i < docs.size(); ++i) {
    documents += present[i] ? 1 : 0;
    total += present[i] ? static_cast<double>(docs[i].size()) : 0;
  }
  double score = 0;
  double ideal = 0;
  for (const auto& term : wanted.terms) {
    double df = 0;
    for (std::size_t i = 0; i < docs.size(); ++i)
      df += present[i] && std::count(docs[i].begin(), docs[i].end(), term) > 0;
    auto weight = std::log(1 + (documents - df + 0.5) / (df + 0.5));
    auto tf = static_cast<double>(
      std::count(docs[doc].begin(), docs[doc].end(), term));
    auto norm = 1.2
                * (0.25
                   + 0.75 * static_cast<double>(docs[doc].size())
                       / (total / documents));
    score += weight * tf * 2.2 / (tf + norm);
    ideal += weight * 2.2;
  }
  return score / ideal;
}

std::vector<scored_document> run(const inverted_index& index,
                                 const query& wanted, std::size_t limit,
                                 const std::vector<bool>& present = {}) {
  ranked_search search{wanted, statistics_of(index, wanted), limit};
  while (!search.step(index, [] { return true; }))
    ;
  return search.best([&](document doc) {
    return candidate{present.empty() || present[doc], doc};
  });
}

} // namespace

TEST_CASE("the index ranks like BM25's definition, after removals too",
          "[search]") {
  std::mt19937 random{7};
  const std::vector<std::string> vocabulary{"ant", "bee", "cat", "dog",
                                            "emu", "fox", "gnu", "hen"};
  inverted_index index;
  std::vector<std::vector<std::string>> docs;
  std::vector<std::string> texts;
  std::vector<bool> present;
  for (document doc = 0; doc < 300; ++doc) {
    std::vector<std::string> words(1 + random() % 12);
    std::string text;
    for (auto& word : words) {
      word = vocabulary[random() % vocabulary.size()];
      text += word + ' ';
    }
    index.add(doc, text);
    docs.push_back(words);
    texts.push_back(text);
    present.push_back(true);
  }
  for (int i = 0; i < 100; ++i) {
    auto doc = static_cast<document>(random() % docs.size());
    if (present[doc])
      index.remove(doc);
    present[doc] = false;
  }
  SECTION("as it is") {}
  SECTION("purged") {
    index.purge();
  }
  for (auto text : {"ant", "bee cat", "fox hen gnu emu", "zebra ant"}) {
    auto wanted = parse_query(text);
    auto found = run(index, wanted, 1000, present);
    for (std::size_t i = 0; i < found.size(); ++i) {
      REQUIRE(present[found[i].doc]);
      CHECK(found[i].score
            == Approx(score_by_definition(docs, present, found[i].doc, wanted))
                 .epsilon(1e-4));
      if (i > 0)
        CHECK(found[i - 1].score >= found[i].score);
    }
    auto top = run(index, wanted, 5, present);
    for (std::size_t i = 0; i < top.size(); ++i)
      CHECK(top[i].doc == found[i].doc);
  }
}

TEST_CASE("equal scores come in a stable order, the newest first", "[search]") {
  inverted_index index;
  for (document doc = 0; doc < 20; ++doc)
    index.add(doc, "same words");
  auto found = run(index, parse_query("same"), 5);
  REQUIRE(found.size() == 5);
  for (document i = 0; i < 5; ++i)
    CHECK(found[i].doc == 19 - i);
}

TEST_CASE("a search goes on while documents come and go", "[search]") {
  inverted_index index;
  for (document doc = 0; doc < 10'000; ++doc)
    index.add(doc, "common " + std::to_string(doc));
  auto wanted = parse_query("common");
  ranked_search search{wanted, statistics_of(index, wanted), 3};
  CHECK_FALSE(search.step(index, [] { return true; }));
  auto removing = GENERATE(false, true);
  if (removing)
    index.remove(5);
  index.add(10'000, "common late");
  int steps = 0;
  while (!search.step(index, [] { return true; }))
    ++steps;
  CHECK(steps < 100);
  std::vector<document> asked;
  CHECK(search
          .best([&](document d) {
            asked.push_back(d);
            return candidate{d != 5, d};
          })
          .size()
        == 3);
  // Of the late one it knew too little to score it, unless it began anew.
  auto found = std::find(asked.begin(), asked.end(), 10'000u) != asked.end();
  CHECK(found == removing);
}

TEST_CASE("a search begins anew when numbers of documents become free",
          "[search]") {
  inverted_index index;
  for (document doc = 0; doc < 10'000; ++doc)
    index.add(doc, "common " + std::to_string(doc));
  auto wanted = parse_query("common late");
  ranked_search search{wanted, statistics_of(index, wanted), 10'000};
  CHECK_FALSE(search.step(index, [] { return true; }));
  index.remove(5);
  index.purge();
  index.add(5, "common late");
  while (!search.step(index, [] { return true; }))
    ;
  auto best = search.best([](document d) { return candidate{true, d}; });
  CHECK(best.size() == 10'000);
  CHECK(best.front().doc == 5);
}

TEST_CASE("an index over two scopes scores like one over both", "[search]") {
  inverted_index both;
  inverted_index a;
  inverted_index b;
  for (document doc = 0; doc < 50; ++doc) {
    auto text = doc % 3 == 0 ? "apple pie" : doc % 5 == 0 ? "apple" : "pear";
    both.add(doc, text);
    (doc % 2 == 0 ? a : b).add(doc, text);
  }
  auto wanted = parse_query("apple pie");
  auto together = statistics_of(a, wanted);
  together.add(statistics_of(b, wanted));
  ranked_search in_a{wanted, together, 100};
  in_a.step(a, [] { return false; });
  auto expected = run(both, wanted, 100);
  for (const auto& hit : in_a.best([](document d) {
         return candidate{true, d};
       }))
    for (const auto& other : expected)
      if (other.doc == hit.doc)
        CHECK(other.score == Approx(hit.score));
}

TEST_CASE("an index does not keep words that no document has any more",
          "[search]") {
  inverted_index index;
  auto text_of = [](int i) {
    std::string text;
    for (int word = 0; word < 20; ++word)
      text += "word" + std::to_string(i * 20 + word) + "x ";
    return text + "common";
  };
  constexpr document kept = 10;
  std::size_t early = 0;
  document oldest = 0;
  document next = 0;
  for (int i = 0; i < 5000; ++i) {
    index.add(next++, text_of(i));
    if (next - oldest > kept)
      index.remove(oldest++);
    if (index.must_purge())
      index.purge();
    if (i == 500)
      early = index.memory_bytes();
  }
  CHECK(index.documents() == kept);
  CHECK(index.frequency("common") == kept);
  index.purge();
  CHECK(index.postings("common").size() == kept);
  CHECK(index.postings("word99999x").size() == 1);
  CHECK(index.postings("word0x").empty());
  // Lengths grow with the largest number, which a table uses again.
  CHECK(index.memory_bytes() < 2 * early + 5000 * 2 * sizeof(document));
}
