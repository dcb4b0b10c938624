// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "core/encoding.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "crypto/key_slab.hpp"
#include "crypto/random.hpp"
#include "crypto/secret_key.hpp"
#include "crypto/signature.hpp"

using namespace cloister;
using namespace cloister::crypto;

TEST_CASE("what was sealed opens in its place and nowhere else", "[crypto]") {
  auto key = secret_key::random();
  auto sealed = seal(key, 7, "place", "a secret");
  CHECK(crypto::open(key, "place", sealed).value() == "a secret");
  CHECK(epoch_of(sealed) == 7);
  CHECK_FALSE(crypto::open(key, "elsewhere", sealed).has_value());
  CHECK_FALSE(crypto::open(secret_key::random(), "place", sealed).has_value());
  CHECK_FALSE(crypto::open(key, "place", "").has_value());
  CHECK(sealed.find("secret") == bytes::npos);
}

TEST_CASE("every flipped bit of a sealed value is noticed", "[crypto]") {
  auto key = secret_key::random();
  auto sealed = seal(key, 1, "place", "short");
  for (std::size_t i = 0; i < sealed.size() * 8; ++i) {
    auto bent = sealed;
    bent[i / 8] = static_cast<char>(bent[i / 8] ^ (1 << (i % 8)));
    CHECK(crypto::open(key, "place", bent).error().code == errc::corrupted);
  }
}

TEST_CASE("wrapped keys come back in order", "[crypto]") {
  auto outer = secret_key::random();
  auto a = secret_key::random();
  auto b = secret_key::random();
  std::vector<const secret_key*> inside{&a, &b};
  auto back = unwrap(outer, "slot 1", wrap(outer, "slot 1", inside)).value();
  REQUIRE(back.size() == 2);
  CHECK(back[0].view() == a.view());
  CHECK(back[1].view() == b.view());
  CHECK_FALSE(
    unwrap(outer, "slot 2", wrap(outer, "slot 1", inside)).has_value());
}

TEST_CASE("cells of the key slab are reused and wiped", "[crypto]") {
  auto before = slab_status().cells_in_use;
  {
    std::vector<secret_key> keys;
    for (int i = 0; i < 5000; ++i)
      keys.push_back(secret_key::random());
    CHECK(slab_status().cells_in_use == before + 5000);
  }
  CHECK(slab_status().cells_in_use == before);
  auto cell = take_key_cell();
  std::fill_n(cell, 32, std::uint8_t{0xaa});
  return_key_cell(cell);
  // All but the free list's pointer is zero.
  for (int i = 8; i < 32; ++i)
    CHECK(cell[i] == 0);
}

TEST_CASE("published values of the hashes come out", "[crypto]") {
  // RFC 4231, test case 2.
  CHECK(to_hex(view_of(hmac_sha256("Jefe", "what do ya want for nothing?")))
        == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hash({"ab", "c"}) == hash({"abc"}));
  auto key = secret_key::from_bytes(std::string(32, 'k'));
  CHECK(keyed_hash(key, {"x"}) != hash({"x"}));
}

TEST_CASE("adding a digest and taking it away changes nothing", "[crypto]") {
  auto a = hash({"a"});
  auto b = hash({"b"});
  CHECK(subtract(add(a, b), b) == a);
  CHECK(add(a, b) == add(b, a));
}

TEST_CASE("threads draw different random bytes", "[crypto]") {
  std::set<std::string> seen;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        auto bytes = random_array<16>();
        std::lock_guard guard{mutex};
        seen.insert(std::string{view_of(bytes)});
      }
    });
  for (auto& thread : threads)
    thread.join();
  CHECK(seen.size() == 4000);
}

TEST_CASE("a signature is of one message by one key", "[crypto]") {
  auto seed = secret_key::random();
  auto proof = sign(seed, "receipt");
  CHECK(verify_signature(signing_public_key(seed), "receipt", proof));
  CHECK_FALSE(verify_signature(signing_public_key(seed), "Receipt", proof));
  CHECK_FALSE(verify_signature(signing_public_key(secret_key::random()),
                               "receipt", proof));
}
