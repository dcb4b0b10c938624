// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/ranked_search.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "search/analyzer.hpp"
#include "search/index_codec.hpp"

using namespace cloister;
using namespace cloister::search;

namespace {

constexpr auto in = language::english;

search_view view_of(std::function<bool(document)> judge) {
  search_view out;
  out.judge = std::move(judge);
  out.order = [](document doc) { return doc; };
  out.must_yield = [](int) { return true; };
  return out;
}

bool by_number(document) {
  return true;
}

std::vector<scored_document> run(const inverted_index& index,
                                 const query& wanted, std::size_t limit,
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
std::string word(std::size_t number) {
  std::string out = "q";
  for (; number > 0; number /= 20)
    out += static_cast<char>('b' + number % 20);
  return out + "q";
}

/// A text of words whose ranks are distributed as in real ones (Zipf).
std::string random_text(std::mt19937& random, std::size_t words_max,
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

void check_exact(corpus& of, const query& wanted, std::size_t limit,
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

} // namespace

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

TEST_CASE("an answer is found by its question in the same conversation",
          "[search]") {
  inverted_index index{in};
  const std::vector<std::string> turns{
    "Where did you go on vacation last summer?", "To Lisbon, it was lovely.",
    "I paint on weekends.", "Nothing of the kind here."};
  for (document doc = 0; doc < turns.size(); ++doc)
    index.add(doc, turns[doc]);
  auto wanted = parse_query("summer vacation", in);
  CHECK(run(index, wanted, 10).size() == 1);
  auto view = view_of(by_number);
  view.neighbours = [](document doc, std::vector<neighbour>& out) {
    // The first two are one conversation.
    if (doc < 2)
      out.push_back({1 - doc, 1});
  };
  auto found = run(index, wanted, 10, view);
  REQUIRE(found.size() == 2);
  CHECK(found[0].doc == 0);
  CHECK(found[1].doc == 1);
  CHECK(found[1].score == Approx(found[0].score * 0.4).epsilon(1e-3));
}

TEST_CASE("context is ranked as if every document had been scored",
          "[search]") {
  auto seed = GENERATE(range(1u, 7u));
  CAPTURE(seed);
  std::mt19937 random{seed};
  corpus docs;
  auto size = static_cast<document>(200 + random() % 2000);
  for (document i = 0; i < size; ++i)
    docs.add(random_text(random, 20, 300));
  for (int i = 0; i < 40; ++i)
    docs.remove(static_cast<document>(random() % size));
  // Five in a row are one conversation.
  auto around = [&](document doc, std::vector<neighbour>& out) {
    for (auto distance : {1u, 2u})
      for (auto near : {doc - distance, doc + distance})
        if (near < size && near / 5 == doc / 5 && docs.present[near])
          out.push_back({near, distance});
  };
  for (int i = 0; i < 20; ++i) {
    auto wanted = parse_query(random_text(random, 6, 300), in);
    auto limit = 1 + random() % 30;
    auto view = view_of([](document doc) { return doc % 3 != 0; });
    view.neighbours = around;
    std::map<document, points> base;
    std::vector<document> pool;
    for (const auto& [score, doc] : docs.by_exhaustion(wanted)) {
      base[doc] = score;
      if (view.judge(doc) && pool.size() < std::max<std::size_t>(2 * limit, 20))
        pool.push_back(doc);
    }
    std::set<document> candidates{pool.begin(), pool.end()};
    std::vector<neighbour> near;
    for (auto doc : pool)
      around(doc, near);
    for (const auto& each : near)
      candidates.insert(each.doc);
    std::vector<std::pair<points, document>> expected;
    for (auto doc : candidates) {
      points context = 0;
      near.clear();
      around(doc, near);
      for (const auto& each : near)
        context = std::max(context,
                           static_cast<points>(
                             std::uint64_t{base[each.doc]}
                             * ranked_search::context_percent[each.distance - 1]
                             / 100));
      if (view.judge(doc))
        expected.emplace_back(base[doc] + context, doc);
    }
    std::sort(expected.begin(), expected.end(), std::greater<>{});
    expected.resize(std::min(expected.size(), limit));
    auto found = run(docs.index, wanted, limit, view);
    REQUIRE(found.size() == expected.size());
    for (std::size_t j = 0; j < found.size(); ++j) {
      CHECK(found[j].doc == expected[j].second);
      CHECK(found[j].score == share_of(expected[j].first));
    }
  }
}

TEST_CASE("an index is read back as it was written", "[search]") {
  auto seed = GENERATE(range(1u, 5u));
  CAPTURE(seed);
  std::mt19937 random{seed};
  corpus docs;
  for (std::size_t i = 0; i < 10 + random() % 2000; ++i)
    docs.add(random_text(random, 40, 2000));
  auto data = encode_index(docs.index);
  auto read = decode_index(data);
  REQUIRE(read.has_value());
  docs.index = std::move(*read);
  for (int i = 0; i < 10; ++i)
    check_exact(docs, parse_query(random_text(random, 8, 2000), in), 10);
  docs.add("wholly new words");
  check_exact(docs, parse_query("wholly new " + word(2), in), 10);
  // What was cut off or changed is refused or read, and harms nobody.
  for (int i = 0; i < 50; ++i) {
    static_cast<void>(
      decode_index(bytes_view{data}.substr(0, random() % data.size())));
    CHECK(
      decode_index(bytes_view{data}.substr(0, data.size() - 1)).has_error());
  }
}

TEST_CASE("an index does not keep words that no document has any more",
          "[search]") {
  corpus docs;
  auto text_of = [](int i) {
    std::string text;
    for (int j = 0; j < 20; ++j)
      text += word(static_cast<std::size_t>(i * 20 + j)) + ' ';
    return text + "common";
  };
  constexpr document kept = 10;
  std::size_t early = 0;
  for (int i = 0; i < 5000; ++i) {
    docs.add(text_of(i));
    if (docs.index.documents() > kept)
      docs.remove(static_cast<document>(docs.texts.size() - kept - 1));
    if (docs.index.must_purge())
      docs.purge();
    if (i == 500)
      early = docs.index.memory_bytes();
  }
  CHECK(docs.index.documents() == kept);
  CHECK(docs.index.frequency("common") == kept);
  docs.purge();
  CHECK(docs.index.postings("common")->size() == kept);
  CHECK(docs.index.postings(word(99'999))->size() == 1);
  CHECK(docs.index.frequency(word(0)) == 0);
  CHECK(docs.index.memory_bytes() < 2 * early);
}

TEST_CASE("memories added while contexts are ranked displace no hit",
          "[search]") {
  corpus docs;
  for (int i = 0; i < 200; ++i)
    docs.add("tea cup number" + std::to_string(i));
  auto wanted = parse_query("tea cup", in);
  auto view = view_of([](document doc) { return doc % 2 == 0; });
  view.is_judge_slow = true;
  bool in_context = false;
  view.neighbours = [&](document doc, std::vector<neighbour>& out) {
    in_context = true;
    for (std::size_t distance : {1u, 2u})
      if (doc + distance < 200)
        out.push_back({doc + static_cast<document>(distance), distance});
  };
  auto answer = [&](bool growing) {
    in_context = false;
    ranked_search search{wanted, statistics_of(docs.index, wanted), 30};
    bool grown = false;
    while (!search.step(docs.index, view))
      if (growing && in_context && !std::exchange(grown, true))
        for (int i = 0; i < 300; ++i)
          docs.add("tea with a long text that hardly matches at all");
    std::vector<document> out;
    for (const auto& hit : search.best())
      out.push_back(hit.doc);
    if (growing)
      CHECK(grown);
    return out;
  };
  auto expected = answer(false);
  CHECK(expected.size() == 30);
  CHECK(answer(true) == expected);
}
