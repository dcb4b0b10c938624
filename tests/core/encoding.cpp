// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/encoding.hpp"

#include <catch2/catch.hpp>

#include "core/memory_id.hpp"
#include "core/utf8.hpp"

using namespace cloister;

TEST_CASE("base32 has one text for each value", "[core]") {
  for (auto value : {"", "f", "fo", "foo", "foob", "fooba", "foobar"})
    CHECK(from_base32(to_base32(value)).value() == value);
  CHECK(to_base32("foobar") == "mzxw6ytboi");
  CHECK_FALSE(from_base32("mzxw6ytboj").has_value());
  CHECK_FALSE(from_base32("MZXW6").has_value());
  CHECK_FALSE(from_base32("a").has_value());
  CHECK_FALSE(from_base32("m1").has_value());
}

TEST_CASE("reading past the end is noticed and harmless", "[core]") {
  bytes data;
  byte_writer writer{data};
  writer.u32(1000);
  writer.raw("abc");
  byte_reader reader{data};
  CHECK(reader.string().empty());
  CHECK_FALSE(reader.ok());
  CHECK(reader.u64() == 0);
}

TEST_CASE("integers are big endian", "[core]") {
  bytes data;
  byte_writer writer{data};
  writer.u16(0x0102);
  writer.i64(-2);
  CHECK(to_hex(data) == "0102fffffffffffffffe");
  byte_reader reader{data};
  CHECK(reader.u16() == 0x0102);
  CHECK(reader.i64() == -2);
  CHECK(reader.complete());
}

TEST_CASE("ids are read in either case and written in lower", "[core]") {
  auto id = memory_id::parse("018F0C3E-1B2C-7DEF-8ABC-0123456789AB").value();
  CHECK(id.to_string() == "018f0c3e-1b2c-7def-8abc-0123456789ab");
  for (auto text : {"", "018f0c3e1b2c7def8abc0123456789ab",
                    "018f0c3e-1b2c-7def-8abc-0123456789a",
                    "018f0c3e-1b2c-7def-8abc-0123456789ag",
                    "018f0c3e-1b2c-7def-8abc_0123456789ab"})
    CHECK_FALSE(memory_id::parse(text).has_value());
}

TEST_CASE("malformed UTF-8 is recognised", "[core]") {
  CHECK(is_utf8("plain ascii, long enough for a word at a time"));
  CHECK(is_utf8("naïve 日本語 🙂"));
  for (auto text : {"\x80", "abcdefgh\xc0\xaf", "\xed\xa0\x80",
                    "\xf5\x80\x80\x80", "abc\xe2\x82", "\xf0\x82\x82\xac"})
    CHECK_FALSE(is_utf8(text));
}
