// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "search/index_codec.hpp"
#include "tests/search/corpus.hpp"

using namespace cloister;
using namespace cloister::search;

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
