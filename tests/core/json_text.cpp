// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/json_text.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <string>

using namespace cloister;
namespace json = boost::json;

TEST_CASE("texts are written like the library writes them", "[core]") {
  for (int code = 0; code < 256; ++code)
    for (const auto* around : {"", "x", "a longer text around \xc3\xa4 "}) {
      std::string text{around};
      text += static_cast<char>(code);
      text += around;
      CAPTURE(code, around);
      CHECK(to_json_text(json::string(text))
            == json::serialize(json::string(text)));
      CHECK(to_json_text(json::object{{text, 1}})
            == json::serialize(json::object{{text, 1}}));
    }
}

TEST_CASE("what is written reads as the same value", "[core]") {
  const json::value values[]
    = {nullptr,
       true,
       false,
       0,
       -1,
       std::numeric_limits<std::int64_t>::min(),
       std::numeric_limits<std::int64_t>::max(),
       std::numeric_limits<std::uint64_t>::max(),
       0.1,
       -1e300,
       5e-324,
       json::array{},
       json::object{},
       json::array{1, json::array{"a", nullptr}, json::object{{"b", 2.5}}}};
  for (const auto& value : values) {
    auto text = to_json_text(value);
    CAPTURE(text);
    CHECK(json::parse(text) == value);
    CHECK(json::parse(text).kind() == value.kind());
  }
}
