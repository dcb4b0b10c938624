// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/audit_chain.hpp"

#include <catch2/catch.hpp>

#include "auth/audit_entry.hpp"
#include "auth/audit_stub.hpp"
#include "crypto/aead.hpp"

using namespace cloister;
using namespace cloister::auth;

namespace {

std::vector<audit_link> chain_of(std::size_t length) {
  std::vector<audit_link> links;
  auto head = first_head("tag");
  for (std::size_t i = 0; i < length; ++i) {
    auto sealed = "entry " + std::to_string(i);
    links.push_back({i, head, sealed});
    head = next_head(head, i, sealed);
  }
  return links;
}

} // namespace

TEST_CASE("an honest chain verifies", "[auth][audit]") {
  CHECK(first_broken_link("tag", {}) == 0);
  CHECK(first_broken_link("tag", chain_of(20)) == 20);
  CHECK(first_broken_link("other", chain_of(20)) == 0);
}

TEST_CASE("a lying store is caught", "[auth][audit]") {
  for (std::size_t i = 0; i + 1 < 10; ++i) {
    auto dropped = chain_of(10);
    dropped.erase(dropped.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(first_broken_link("tag", dropped) == i);
    auto altered = chain_of(10);
    altered[i].sealed += '!';
    CHECK(first_broken_link("tag", altered) == i + 1);
    auto swapped = chain_of(10);
    std::swap(swapped[i], swapped[i + 1]);
    CHECK(first_broken_link("tag", swapped) == i);
    auto forged = chain_of(10);
    forged[i].previous[0] ^= 1;
    CHECK(first_broken_link("tag", forged) == i);
  }
}

TEST_CASE("links and entries come back as they were", "[auth][audit]") {
  auto link = chain_of(3)[2];
  auto back = decode_link(2, encode_link(link.previous, link.sealed)).value();
  CHECK(back.previous == link.previous);
  CHECK(back.sealed == link.sealed);
  audit_entry entry;
  entry.at = {5};
  entry.what = operation::update_memory;
  entry.outcome = errc::conflict;
  entry.reason = "why";
  entry.count = 2;
  entry.targets.resize(2);
  entry.effects.push_back({audit_effect::kind::put, 9, 2, {1, 2, 3}});
  entry.anchor = audit_anchor{{4}, 5, {6}};
  entry.wanted = pseudonym{7};
  entry.narrowings.push_back({8});
  entry.carried.push_back({3, encode_audit_entry(audit_entry{})});
  auto data = encode_audit_entry(entry);
  CHECK(decode_audit_entry(data).value() == entry);
  for (std::size_t i = 0; i < data.size(); ++i)
    CHECK_FALSE(decode_audit_entry(bytes_view{data}.substr(0, i)).has_value());
}

TEST_CASE("a chain goes on behind a stub that is its signer's",
          "[auth][audit]") {
  auto links = chain_of(10);
  audit_stub stub{{1}, 4, links[4].previous, 4, {7}, {6}, {}};
  auto seed = crypto::secret_key::random();
  sign(stub, seed);
  auto signer = crypto::signing_public_key(seed);
  CHECK(is_signed_by(stub, signer));
  CHECK_FALSE(is_signed_by(
    stub, crypto::signing_public_key(crypto::secret_key::random())));
  auto data = encode_audit_stub(stub);
  CHECK(decode_audit_stub(data).value() == stub);
  for (std::size_t i = 0; i < data.size(); ++i) {
    CHECK_FALSE(decode_audit_stub(bytes_view{data}.substr(0, i)).has_value());
    auto bent = data;
    bent[i] = static_cast<char>(bent[i] ^ 1);
    auto read = decode_audit_stub(bent);
    CHECK_FALSE((read && is_signed_by(*read, signer)));
  }
  auto verifier = verifier_behind(stub);
  for (std::size_t i = 4; i < links.size(); ++i)
    CHECK(verifier.follow(links[i]));
  CHECK_FALSE(verifier_behind(stub).follow(links[5]));
}

TEST_CASE("what an entry has taken over is told before it, with its index",
          "[auth][audit]") {
  audit_entry former;
  former.reason = "former";
  audit_entry entry;
  entry.reason = "own";
  entry.carried.push_back({3, encode_audit_entry(former)});
  std::vector<std::pair<std::uint64_t, std::string>> told;
  auto note = [&](const audit_entry& each, std::uint64_t index) {
    told.emplace_back(index, each.reason);
  };
  REQUIRE(visit_told(entry, 9, note).has_value());
  CHECK(told == decltype(told){{3, "former"}, {9, "own"}});
  entry.carried.front().entry = "no entry";
  CHECK(visit_told(entry, 9, note).has_error());
}

TEST_CASE("an entry that tells of a chain is never taken for a short one",
          "[auth][audit]") {
  audit_entry entry;
  auto key = crypto::secret_key::random();
  auto tells = [&] {
    auto sealed = crypto::seal(key, 0, "x", encode_audit_entry(entry));
    return may_tell_of_chains(sealed.size());
  };
  CHECK_FALSE(tells());
  entry.anchor = audit_anchor{};
  CHECK(tells());
  entry.anchor.reset();
  entry.carried.push_back({3, encode_audit_entry(audit_entry{})});
  CHECK(tells());
}
