// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/rfc3339.hpp"

#include <random>

#include <catch2/catch.hpp>

using cloister::parse_rfc3339;
using cloister::timestamp;
using cloister::to_rfc3339;

TEST_CASE("times are written in UTC with milliseconds", "[core]") {
  CHECK(to_rfc3339(timestamp{0}) == "1970-01-01T00:00:00.000Z");
  CHECK(to_rfc3339(timestamp{1767225600123}) == "2026-01-01T00:00:00.123Z");
  CHECK(to_rfc3339(timestamp{-1}) == "1969-12-31T23:59:59.999Z");
  CHECK(to_rfc3339(timestamp{253402300799999}) == "9999-12-31T23:59:59.999Z");
  CHECK(to_rfc3339(timestamp{253402300800000}) == "10000-01-01T00:00:00.000Z");
  std::mt19937_64 random{7};
  // From the year 1 on.
  std::uniform_int_distribution<std::int64_t> any{-62135596800000,
                                                  253402300799999};
  for (int i = 0; i < 10'000; ++i) {
    timestamp at{any(random)};
    REQUIRE(parse_rfc3339(to_rfc3339(at)).value() == at);
  }
}

TEST_CASE("times with any offset are read", "[core]") {
  CHECK(parse_rfc3339("2026-01-01T00:00:00Z")->milliseconds == 1767225600000);
  CHECK(parse_rfc3339("2026-01-01T02:00:00+02:00")->milliseconds
        == 1767225600000);
  CHECK(parse_rfc3339("2025-12-31t19:30:00.5-04:30")->milliseconds
        == 1767225600500);
  CHECK(parse_rfc3339("2026-01-01")->milliseconds == 1767225600000);
  CHECK(parse_rfc3339("2024-02-29T00:00:00.123456Z").has_value());
}

TEST_CASE("what is not a time is refused", "[core]") {
  for (auto text :
       {"", "yesterday", "2026-02-29T00:00:00Z", "2026-13-01", "2026-1-1",
        "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00Z",
        "2026-01-01T00:00:00+25:00", "2026-01-01T00:00:00Zx",
        "2026-01-01T00:00:00.Z", "0000-01-01"}) {
    INFO(text);
    CHECK_FALSE(parse_rfc3339(text).has_value());
  }
}
