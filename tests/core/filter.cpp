// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/filter.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "core/rfc3339.hpp"

using namespace cloister;

namespace {

memory sample() {
  memory out;
  out.content = "Prefers dark mode";
  out.type = "preference";
  out.metadata
    = R"({"priority":2,"tags":["ui","theme"],"by":{"name":"Sarah"},)"
      R"("score":0.5,"done":false,"none":null,"big":9007199254740993})";
  out.author = "assistant";
  out.revision = 3;
  out.created_at = parse_rfc3339("2026-03-01T12:00:00Z").value();
  out.updated_at = parse_rfc3339("2026-03-02T12:00:00Z").value();
  return out;
}

bool holds(const std::string& filter) {
  auto parsed = memory_filter::parse(filter);
  INFO(filter << (parsed ? "" : ": " + parsed.error().detail));
  REQUIRE(parsed.has_value());
  return parsed->matches(sample());
}

errc refusal(const std::string& filter) {
  auto parsed = memory_filter::parse(filter);
  return parsed ? errc::ok : parsed.error().code;
}

} // namespace

TEST_CASE("each operator holds where it should and nowhere else", "[core]") {
  for (auto text : {
         R"({})",
         R"({"memory_type":"preference"})",
         R"({"memory_type":{"ne":"fact"}})",
         R"({"memory_type":{"in":["fact","preference"]}})",
         R"({"memory_type":{"nin":["fact"]}})",
         R"({"metadata.priority":2})",
         R"({"metadata.priority":2.0})",
         R"({"metadata.priority":{"gte":2,"lt":3}})",
         R"({"metadata.score":{"gt":0.4,"lte":0.5}})",
         R"({"metadata.big":{"gt":9007199254740992}})",
         R"({"metadata.big":{"ne":9007199254740992}})",
         R"({"metadata.tags":{"contains":"ui"}})",
         R"({"metadata.tags.1":"theme"})",
         R"({"metadata.tags":["ui","theme"]})",
         R"({"metadata.by":{"contains":"name"}})",
         R"({"metadata.by.name":"Sarah"})",
         R"({"metadata.by.name":{"gt":"Sara"}})",
         R"({"metadata.done":false})",
         R"({"metadata.none":null})",
         R"({"metadata.absent":null})",
         R"({"metadata.absent":{"ne":"x"}})",
         R"({"metadata.absent":{"nin":["x"]}})",
         R"({"metadata.absent":{"exists":false}})",
         R"({"metadata.none":{"exists":false}})",
         R"({"metadata.priority":{"exists":true}})",
         R"({"content":{"contains":"dark"}})",
         R"({"author":"assistant","revision":{"gte":3}})",
         R"({"created_at":{"gt":"2026-03-01T11:59:59Z"}})",
         R"({"created_at":"2026-03-01T13:00:00+01:00"})",
         R"({"expires_at":null})",
         R"({"expires_at":{"exists":false}})",
         R"({"OR":[{"memory_type":"fact"},{"metadata.priority":2}]})",
         R"({"AND":[{"revision":3},{"NOT":{"revision":4}}]})",
         R"({"NOT":[{"revision":1},{"revision":2}]})",
       })
    CHECK(holds(text));
  for (auto text : {
         R"({"memory_type":"Preference"})",
         R"({"memory_type":{"in":[]}})",
         R"({"metadata.priority":"2"})",
         R"({"metadata.priority":{"gt":2}})",
         R"({"metadata.priority":{"gt":"1"}})",
         R"({"metadata.absent":{"lt":9}})",
         R"({"metadata.absent":{"contains":"x"}})",
         R"({"metadata.tags.2":"theme"})",
         R"({"metadata.tags.x":"theme"})",
         R"({"metadata.by.name.more":"x"})",
         R"({"metadata.done":{"gt":false}})",
         R"({"content":{"contains":"Dark"}})",
         R"({"created_at":{"lt":"2026-03-01T12:00:00Z"}})",
         R"({"expires_at":{"gt":"2020-01-01T00:00:00Z"}})",
         R"({"NOT":{}})",
         R"({"OR":[{"revision":1},{"revision":2}]})",
         R"({"metadata.none":{"exists":true}})",
       }) {
    // A comparison of truth values means nothing, and is told.
    if (refusal(text) == errc::invalid_argument)
      continue;
    CHECK_FALSE(holds(text));
  }
}

TEST_CASE("a filter that means nothing is refused, and says why", "[core]") {
  for (auto text : {"",
                    "[]",
                    "null",
                    "{",
                    R"({"colour":"red"})",
                    R"({"content.x":1})",
                    R"({"metadata.":1})",
                    R"({"metadata..a":1})",
                    R"({"revision":{"above":1}})",
                    R"({"revision":"1"})",
                    R"({"revision":{"in":[1,"2"]}})",
                    R"({"memory_type":5})",
                    R"({"memory_type":{"gt":5}})",
                    R"({"content":{"contains":5}})",
                    R"({"id":true})",
                    R"({"revision":{}})",
                    R"({"AND":{}})",
                    R"({"OR":[]})",
                    R"({"NOT":3})",
                    R"({"AND":[3]})",
                    R"({"memory_type":{"in":"fact"}})",
                    R"({"key":{"exists":1}})",
                    R"({"created_at":"yesterday"})",
                    R"({"created_at":{"in":[1]}})",
                    R"({"created_at":{"contains":"2026"}})",
                    R"({"metadata.a":{"gt":[1]}})",
                    "{\"content\":\"\xff\"}"}) {
    INFO(text);
    CHECK(refusal(text) == errc::invalid_argument);
  }
}

TEST_CASE("a filter has bounds", "[core]") {
  auto nested = [](std::size_t levels) {
    std::string out = R"({"revision":3})";
    for (std::size_t i = 1; i < levels; ++i)
      out = R"({"AND":[)" + out + "]}";
    return out;
  };
  CHECK(holds(nested(limits::filter_depth_max)));
  CHECK(refusal(nested(limits::filter_depth_max + 1)) == errc::too_large);
  CHECK(refusal(nested(1000)) == errc::too_large);
  CHECK(refusal(std::string(limits::filter_bytes_max + 1, ' '))
        == errc::too_large);
  std::string many = R"({"OR":[)";
  for (std::size_t i = 0; i <= limits::filter_tests_max; ++i)
    many += (i > 0 ? "," : "") + std::string{R"({"revision":)"}
            + std::to_string(i) + "}";
  CHECK(refusal(many + "]}") == errc::too_large);
}

TEST_CASE("what a text contains is found, however alike it is", "[core]") {
  std::minstd_rand random{3};
  auto text = [&](std::size_t size) {
    std::string out;
    for (std::size_t i = 0; i < size; ++i)
      out += random() % 4 == 0 ? 'b' : 'a';
    return out;
  };
  int found = 0;
  for (int i = 0; i < 5000; ++i) {
    memory value;
    value.content = text(random() % 60);
    auto part = text(1 + random() % 12);
    auto filter
      = memory_filter::parse(R"({"content": {"contains": ")" + part + R"("}})")
          .value();
    auto expected = value.content.find(part) != std::string::npos;
    found += expected ? 1 : 0;
    if (filter.matches(value) != expected)
      FAIL(part << " in " << value.content);
  }
  CHECK(found > 500);
}
