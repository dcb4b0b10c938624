// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/analyzer.hpp"

#include <catch2/catch.hpp>

using cloister::search::analyze;

namespace {

std::vector<std::string> terms(std::string_view text) {
  std::vector<std::string> out;
  analyze(text, out);
  return out;
}

using words = std::vector<std::string>;

} // namespace

TEST_CASE("words are folded and stemmed", "[search]") {
  CHECK(terms("Running, runs RAN!") == words{"run", "run", "ran"});
  CHECK(terms("preferences") == terms("preference"));
  CHECK(terms("Sarah's dog") == words{"sarah", "dog"});
  CHECK(terms("don't stop") == words{"don't", "stop"});
  CHECK(terms("error 404 in v2.1") == words{"error", "404", "in", "v2", "1"});
  CHECK(terms(" \t\n--- ").empty());
  CHECK(terms("").empty());
}

TEST_CASE("the same words come out with and without other scripts around",
          "[search]") {
  auto plain = terms("Don't say Sarah's numbers 3 times");
  auto mixed = terms("Don’t say Sarah’s numbers 3 times 日本");
  mixed.resize(plain.size());
  CHECK(mixed == plain);
}

TEST_CASE("other languages are cut into words", "[search]") {
  CHECK(terms("Café CAFÉ cafe") == words{"cafe", "cafe", "cafe"});
  CHECK(terms("Straße") == terms("STRASSE"));
  CHECK(terms("東京都に住んでいます").size() > 1);
  CHECK(terms("ｆｕｌｌ ｗｉｄｔｈ") == words{"full", "width"});
}

TEST_CASE("a word without end is cut", "[search]") {
  auto out = terms(std::string(100'000, 'x'));
  REQUIRE(out.size() == 1);
  CHECK(out[0].size() <= 64);
  std::string marks = "a";
  for (int i = 0; i < 10'000; ++i)
    marks += "\u0301";
  CHECK(terms(marks) == words{"a"});
}
