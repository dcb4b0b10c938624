// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/narrowing.hpp"

#include <catch2/catch.hpp>

#include "core/encoding.hpp"

using namespace cloister;
using namespace cloister::auth;

TEST_CASE("a key is genuine under its own signing key only", "[auth]") {
  auto signing = crypto::secret_key::random();
  auto id = make_key_id("12345rest-of-the-tag", 1);
  auto text = make_api_key(id, signing);
  auto key = parse_api_key(text).value();
  CHECK(key.id == id);
  CHECK(key.organization_locator() == "12345");
  CHECK(to_text(key) == text);
  CHECK(genuine_narrowings(key, signing)->empty());
  CHECK_FALSE(genuine_narrowings(key, crypto::secret_key::random()));
}

TEST_CASE("every altered character of a key is noticed", "[auth]") {
  auto text
    = make_api_key(make_key_id("12345", 1), crypto::secret_key::random());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto bent = text;
    bent[i] = bent[i] == 'a' ? 'b' : 'a';
    CHECK(parse_api_key(bent).error().code == errc::unauthenticated);
  }
  for (auto bad : {"", "cloister_", "sk-123", "cloister_a_b"})
    CHECK_FALSE(parse_api_key(bad).has_value());
  CHECK_FALSE(parse_api_key(text.substr(0, text.size() - 1)).has_value());
  CHECK_FALSE(parse_api_key(text + "a").has_value());
}

TEST_CASE("a key's record comes back as it was", "[auth]") {
  key_record record{
    make_key_id("12345", 1),
    scope::parse("org_a/team_b").value(),
    {permission::read, permission::share},
    3,
    timestamp{1},
    timestamp{2},
    std::nullopt,
    "planner",
    {ancestor_bound::kind::up_to, scope::parse("org_a").value()},
    scope::parse("org_a/team_c").value(),
    {},
    {}};
  auto back = decode_key_record(encode_key_record(record)).value();
  CHECK(back.id == record.id);
  CHECK(back.root == record.root);
  CHECK(back.permissions == record.permissions);
  CHECK(back.expires_at == record.expires_at);
  CHECK(back.label == record.label);
  CHECK(back.ancestors.limit == record.ancestors.limit);
  CHECK(back.promote_to == record.promote_to);
  CHECK_FALSE(back.has_revoked({{7}}));
  record.revoked_narrowings = {{{7}, timestamp{9}}, {{8}, std::nullopt}};
  back = decode_key_record(encode_key_record(record)).value();
  CHECK(back.has_revoked({{6}, {8}}));
  CHECK_FALSE(back.has_revoked({{9}}));
  CHECK(back.revoked_narrowings[0].expires_at == timestamp{9});
  CHECK_FALSE(back.maker.has_value());
  record.maker = {make_key_id("12345", 1), {{1}, {2}}};
  back = decode_key_record(encode_key_record(record)).value();
  CHECK(back.maker->id == record.maker->id);
  CHECK(back.maker->narrowings == record.maker->narrowings);
  auto data = encode_key_record(record);
  for (std::size_t i = 0; i < data.size(); ++i)
    CHECK_FALSE(decode_key_record(bytes_view{data}.substr(0, i)).has_value());
}
