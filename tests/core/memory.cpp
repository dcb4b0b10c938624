// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/memory.hpp"

#include <limits>

#include <catch2/catch.hpp>

#include "core/json_text.hpp"
#include "core/limits.hpp"

using namespace cloister;

namespace {

errc refusal(memory_draft draft) {
  auto checked = validated(std::move(draft));
  return checked ? errc::ok : checked.error().code;
}

memory_draft with_content(std::string content) {
  memory_draft draft;
  draft.content = std::move(content);
  return draft;
}

} // namespace

TEST_CASE("a draft's bounds are those of the contract", "[core]") {
  CHECK(refusal(with_content("x")) == errc::ok);
  CHECK(refusal(with_content("")) == errc::invalid_argument);
  CHECK(refusal(with_content(std::string(limits::content_bytes_max, 'x')))
        == errc::ok);
  CHECK(refusal(with_content(std::string(limits::content_bytes_max + 1, 'x')))
        == errc::too_large);
  CHECK(refusal(with_content("\xff")) == errc::invalid_argument);
  auto draft = with_content("x");
  draft.memory_type = "Fact";
  CHECK(refusal(draft) == errc::invalid_argument);
  draft.memory_type = std::string(65, 'a');
  CHECK(refusal(draft) == errc::invalid_argument);
  draft.memory_type = "a-b_9";
  CHECK(refusal(draft) == errc::ok);
  draft.key = "";
  CHECK(refusal(draft) == errc::invalid_argument);
  draft.key = std::string(257, 'k');
  CHECK(refusal(draft) == errc::invalid_argument);
  draft.key = "k";
  draft.embedding = {std::numeric_limits<float>::quiet_NaN()};
  CHECK(refusal(draft) == errc::invalid_argument);
}

TEST_CASE("metadata is one JSON object of bounded size and depth", "[core]") {
  auto draft = with_content("x");
  for (auto text : {"[]", "1", "{", "{\"a\":1}}", "null", "{\"a\":\"\xff\"}"}) {
    draft.metadata = text;
    CHECK(refusal(draft) == errc::invalid_argument);
  }
  draft.metadata = "{ \"a\" : [1, 2.5, null] }";
  CHECK(validated(draft)->metadata == R"({"a":[1,2.5,null]})");
  draft.metadata = R"({"a":0.1,"b":1.0,"c":-2e40,"d":"\u00e9\n"})";
  CHECK(validated(draft)->metadata
        == R"({"a":0.1,"b":1.0,"c":-2e+40,"d":"é\n"})");
  draft.metadata = R"({"a":[{"b":-1e999}],"keep":"me"})";
  CHECK(refusal(draft) == errc::invalid_argument);
  draft.metadata
    = "{\"a\":\"" + std::string(limits::metadata_bytes_max, 'x') + "\"}";
  CHECK(refusal(draft) == errc::too_large);
  std::string deep;
  for (int i = 0; i < 1000; ++i)
    deep += "{\"a\":";
  draft.metadata = deep + "1" + std::string(1000, '}');
  CHECK(refusal(draft) == errc::invalid_argument);
}

TEST_CASE("a patch of metadata merges as RFC 7396 says", "[core]") {
  CHECK(merge_json_object(R"({"a":"b"})", R"({"a":"c"})").value()
        == R"({"a":"c"})");
  CHECK(merge_json_object(R"({"a":"b","b":"c"})", R"({"a":null})").value()
        == R"({"b":"c"})");
  CHECK(merge_json_object(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})")
          .value()
        == R"({"a":{"b":"d"}})");
  CHECK(merge_json_object(R"({"a":[1]})", R"({"a":{"b":{"c":null}}})").value()
        == R"({"a":{"b":{}}})");
}
