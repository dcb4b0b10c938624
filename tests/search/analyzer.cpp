// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/analyzer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "search/query.hpp"

using cloister::language;
using cloister::search::analyze;
using cloister::search::parse_query;

namespace {

using words = std::vector<std::string>;

words terms(std::string_view text, language in = language::english) {
  words out;
  analyze(text, in, out);
  return out;
}

words queried(std::string_view text, language in = language::english) {
  words out;
  for (const auto& each : parse_query(text, in).terms)
    out.push_back(each.term);
  return out;
}

bool found_by(std::string_view text, std::string_view query,
              language in = language::english) {
  auto has = terms(text, in);
  auto wanted = queried(query, in);
  return !wanted.empty()
         && std::all_of(wanted.begin(), wanted.end(), [&](const auto& each) {
              return std::find(has.begin(), has.end(), each) != has.end();
            });
}

} // namespace

TEST_CASE("words are folded and stemmed", "[search]") {
  CHECK(terms("Running, runs RAN!") == words{"run", "run", "ran"});
  CHECK(terms("preferences") == terms("preference"));
  CHECK(terms("Sarah's dog") == words{"sarah", "dog"});
  CHECK(terms("don't stop") == words{"dont", "stop"});
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

TEST_CASE("numbers and dates are found however they are written", "[search]") {
  CHECK(terms("1,000,000 users") == words{"1000000", "user"});
  CHECK(terms("3.14") == words{"3", "14", "3.14"});
  CHECK(
    terms("192.168.0.1")
    == words{"192", "168", "0", "1", "192.168", "192.168.0", "192.168.0.1"});
  CHECK(terms("2024-05-07") == words{"2024", "may", "7"});
  CHECK(terms("2024-05-07", language::german) == words{"2024", "5", "7"});
  CHECK(found_by("on 2024-05-07", "7 May 2024"));
  CHECK(found_by("May 7th, 2024", "2024-05-07"));
  CHECK(terms("2024-13-07") == words{"2024", "13", "07"});
  CHECK(terms("2024-05-07T14:30Z")
        == words{"2024", "may", "7", "14", "30z", "30"});
  CHECK(found_by("at 2024-05-07T14:30:00Z", "2024-05-07"));
  CHECK(terms("1,299.99") == words{"1299", "99", "1299.99"});
  CHECK(found_by("it costs 1,299.99", "1299.99"));
  CHECK(terms("ids 1,2,3") == words{"id", "1", "2", "3"});
  CHECK(found_by("release v2.1.0 is out", "v2"));
  CHECK(terms("v2.10.3") == words{"v2", "10", "3", "2.10", "2.10.3"});
  CHECK(queried("what happens in May") == words{"happen", "may"});
}

TEST_CASE("names and code are found by their parts and as a whole",
          "[search]") {
  CHECK(terms("getUserName()") == words{"getusernam", "get", "user", "name"});
  CHECK(found_by("call getUserName first", "getUserName"));
  CHECK(found_by("call getUserName first", "user name"));
  CHECK(found_by("the HTTPServer class", "http server"));
  CHECK(found_by("user_name = x", "user_name"));
  CHECK(found_by("we write C++ and F#", "C++"));
  CHECK_FALSE(found_by("we write C", "C++"));
  CHECK(found_by("written in C++20", "C++"));
  CHECK(found_by("handleRequest404 failed", "handle request 404"));
  CHECK(found_by("covid-19", "covid 19"));
  CHECK(found_by("COVID19", "covid 19"));
  CHECK(found_by("two e-mails", "email"));
  CHECK(found_by("re-opened and pre-paid", "reopened"));
  CHECK(found_by("AT&T called", "AT&T"));
  CHECK(found_by("met O'Brien", "obrien"));
  CHECK(terms("O'Connor") == terms("oconnor connor"));
  CHECK(found_by("à l'hôpital", "hôpital"));
  CHECK(terms("we'll I've").size() == 2);
  CHECK(found_by("send an e-mail", "email"));
  CHECK(found_by("the U.S. government", "US government"));
  CHECK(terms("node.js") == words{"node", "js"});
}

TEST_CASE("other languages are cut into words", "[search]") {
  CHECK(terms("Café CAFÉ cafe") == words{"cafe", "cafe", "cafe"});
  CHECK(terms("Straße") == terms("STRASSE"));
  CHECK(found_by("Łódź and Ørsted", "Lodz Orsted"));
  CHECK(terms("H₂O") == terms("h2o"));
  CHECK(terms("ｆｕｌｌ ｗｉｄｔｈ") == words{"full", "width"});
  CHECK(found_by("私は東京都に住んでいます", "東京"));
  CHECK(found_by("我喜欢红色的猫", "猫"));
  CHECK(found_by("고양이가 좋아요", "고양이"));
  CHECK(terms("สวัสดีชาวโลก").size() > 1);
  CHECK(terms("שָׁלוֹם") == terms("שלום"));
  CHECK(terms("مُحَمَّد") == terms("محمد"));
  CHECK(found_by("great 🎉 party", "🎉"));
}

TEST_CASE("an organization's language decides on stems and stop words",
          "[search]") {
  CHECK(found_by("Die Häuser am See", "Haus", language::german));
  CHECK(found_by("les maisons blanches", "maison blanche", language::french));
  CHECK(terms("l'amour", language::french) == terms("amour", language::french));
  CHECK(terms("кошками", language::russian)
        == terms("кошка", language::russian));
  CHECK(terms("running", language::none) == words{"running"});
  CHECK(queried("what is the name of my dog") == words{"name", "dog"});
  CHECK(queried("wie heißt der Hund", language::german)
        == terms("heißt Hund", language::german));
}

TEST_CASE("a query of stop words alone is not empty", "[search]") {
  CHECK(queried("to be or not to be") == words{"to", "be", "or", "not"});
  CHECK(queried("who are you").size() == 3);
  auto repeated = parse_query("stop stop going", language::english);
  REQUIRE(repeated.terms.size() == 2);
  CHECK(repeated.terms[0].count == 2);
}

TEST_CASE("a word without end is cut", "[search]") {
  auto out = terms(std::string(100'000, 'x'));
  REQUIRE(out.size() == 1);
  CHECK(out[0].size() <= 64);
  std::string marks = "a";
  for (int i = 0; i < 10'000; ++i)
    marks += "\u0301";
  CHECK(terms(marks) == words{"a"});
  std::string joined;
  for (int i = 0; i < 10'000; ++i)
    joined += "a-";
  CHECK(terms(joined).size() < 40'000);
}
