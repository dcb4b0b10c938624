// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/table_format.hpp"

#include <catch2/catch.hpp>

#include "crypto/random.hpp"
#include "persistence/crc32c.hpp"

using namespace cloister;
using namespace cloister::persistence;

namespace {

/// Random contents with the right trailer.
bytes random_block(std::size_t contents) {
  auto block = make_empty_block(contents + block_trailer_bytes);
  crypto::random_bytes(block.data(), contents);
  auto masked = mask_crc(crc32c(bytes_view{block}.substr(0, contents + 1)));
  for (std::size_t i = 0; i < 4; ++i)
    block[contents + 1 + i] = static_cast<char>(masked >> (8 * i));
  return block;
}

} // namespace

TEST_CASE("the checksum is LevelDB's", "[persistence]") {
  // RFC 3720, appendix B.4.
  CHECK(crc32c(bytes(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(bytes(32, '\xff')) == 0x62a8ab43);
  CHECK(unmask_crc(mask_crc(0x12345678)) == 0x12345678);
  CHECK(checksum_is_right(random_block(4000)));
}

TEST_CASE("any one wrong byte is found and set right", "[persistence]") {
  auto block = random_block(4096);
  for (std::size_t at = 0; at < block.size(); at += 7) {
    auto damaged = block;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 + at % 255));
    CHECK_FALSE(checksum_is_right(damaged));
    auto corrected = correct_single_byte(damaged);
    INFO("byte " << at);
    REQUIRE(corrected.has_value());
    CHECK(*corrected == block);
  }
}

TEST_CASE("more than one wrong byte is not guessed around", "[persistence]") {
  int guessed = 0;
  for (std::size_t n = 0; n < 500; ++n) {
    auto damaged = random_block(4096);
    for (std::size_t i = 0; i < 20; ++i)
      damaged[n + i * 31] = static_cast<char>(damaged[n + i * 31] ^ 0x5a);
    guessed += correct_single_byte(damaged).has_value();
  }
  // By chance one of some four thousand looks like a single byte; the seals of
  // its records tell.
  CHECK(guessed <= 2);
}

TEST_CASE("an empty block has no entries and a right checksum",
          "[persistence]") {
  for (std::size_t size : {16, 100, 4097}) {
    auto block = make_empty_block(size);
    CHECK(block.size() == size);
    CHECK(checksum_is_right(block));
    CHECK(decode_block(bytes_view{block}.substr(0, size - block_trailer_bytes))
            ->empty());
  }
}

TEST_CASE("hostile blocks are refused, whatever they say", "[persistence]") {
  for (int n = 0; n < 20'000; ++n) {
    bytes noise(static_cast<std::size_t>(n % 200), '\0');
    crypto::random_bytes(noise.data(), noise.size());
    static_cast<void>(decode_block(noise));
    static_cast<void>(decode_index(noise));
    noise.resize(table_footer_bytes);
    CHECK_FALSE(decode_footer(noise).has_value());
  }
}
