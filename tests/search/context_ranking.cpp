// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include <set>

#include "tests/search/corpus.hpp"

using namespace cloister;
using namespace cloister::search;

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
