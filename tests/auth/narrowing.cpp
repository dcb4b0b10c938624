// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/narrowing.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "core/limits.hpp"

using namespace cloister;
using namespace cloister::auth;

namespace {

scope at(std::string_view text) {
  return scope::parse(text).value();
}

const std::vector<scope>& targets() {
  static const std::vector<scope> all{at("org_a"),
                                      at("org_a/team_b"),
                                      at("org_a/team_c"),
                                      at("org_a/team_b/user_d"),
                                      at("org_a/team_b/user_e"),
                                      at("org_a/team_b/user_d/session_f"),
                                      at("org_a/user_d"),
                                      at("org_ab")};
  return all;
}

authority holder(scope root) {
  key_record record{{},
                    std::move(root),
                    permission_set::all(),
                    1,
                    {},
                    std::nullopt,
                    std::nullopt,
                    "x",
                    {},
                    std::nullopt,
                    {}};
  return key_authority(record);
}

bool allows(const authority& who, operation what, const scope& target) {
  return decide(std::make_shared<const authority>(who), what, target,
                timestamp{50}, {})
    .has_value();
}

/// Random restrictions, many of which ask for more than there is.
class any_restriction {
public:
  explicit any_restriction(unsigned seed) : random_(seed) {}

  unsigned below(unsigned bound) {
    return random_() % bound;
  }

  restriction operator()() {
    constexpr std::array names{"org_a",         "team_b",       "team_c",
                               "team_b/user_d", "user_e",       "user_d",
                               "session_f",     "org_a/team_b", "org_ab"};
    auto name = [&] { return std::string{names[below(names.size())]}; };
    restriction step;
    if (below(3) == 0)
      step.scope = name();
    if (below(3) == 0)
      step.permissions
        = permission_set::from_bits(static_cast<std::uint8_t>(1 + below(63)));
    if (below(3) == 0)
      step.expires_at = timestamp{below(100)};
    if (below(3) == 0)
      step.ancestors = below(3) == 0 ? "all" : below(2) == 0 ? "none" : name();
    if (below(3) == 0)
      step.promote_to = name();
    return step;
  }

private:
  std::minstd_rand random_;
};

constexpr std::array operations{
  operation::get_memory,   operation::create_memory,  operation::delete_memory,
  operation::share_memory, operation::receive_memory, operation::list_audit,
  operation::create_key,   operation::read_subtree};

} // namespace

TEST_CASE("no narrowing ever allows what was not allowed before", "[auth]") {
  any_restriction any{1};
  int narrowed = 0;
  int lost = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto who = holder(targets()[any.below(5)]);
    for (int step = 0; step < 4; ++step) {
      auto before = who;
      if (!narrow(who, any()))
        break;
      ++narrowed;
      for (auto what : operations)
        for (const auto& target : targets()) {
          auto now = allows(who, what, target);
          auto then = allows(before, what, target);
          if (now && !then)
            FAIL(to_string(what) << " on " << target.path());
          lost += then && !now ? 1 : 0;
        }
      for (const auto& ancestor : targets())
        if (may_inherit_from(who, ancestor)
            && !may_inherit_from(before, ancestor))
          FAIL("reads " << ancestor.path());
    }
  }
  CHECK(narrowed > 10'000);
  CHECK(lost > 100'000);
}

TEST_CASE("a narrowed key keeps what it was narrowed to", "[auth]") {
  auto who = holder(at("org_a/team_b"));
  restriction step;
  step.scope = "user_d";
  step.permissions = {permission::read, permission::share};
  step.promote_to = "team_b";
  CHECK(narrow(who, step).has_value());
  auto user = at("org_a/team_b/user_d");
  CHECK(allows(who, operation::get_memory, user));
  CHECK(allows(who, operation::get_memory, at("org_a")));
  CHECK(allows(who, operation::receive_memory, at("org_a/team_b")));
  CHECK_FALSE(allows(who, operation::create_memory, user));
  CHECK_FALSE(allows(who, operation::get_memory, at("org_a/team_b/user_e")));
  restriction alone;
  alone.ancestors = "none";
  CHECK(narrow(who, alone).has_value());
  CHECK_FALSE(allows(who, operation::get_memory, at("org_a")));
  CHECK(allows(who, operation::get_memory, user));
}

TEST_CASE("what a key was narrowed by cannot be taken away or changed",
          "[auth]") {
  auto signing = crypto::secret_key::random();
  auto whole = make_api_key(make_key_id("12345", 1), signing);
  restriction step;
  step.permissions = {permission::read};
  auto once = narrow_api_key(whole, step).value();
  step.scope = "session_1";
  auto twice = narrow_api_key(once, step).value();
  auto key = parse_api_key(twice).value();
  auto names = genuine_narrowings(key, signing).value();
  CHECK(names.size() == 2);
  CHECK(names.back() == narrowing_of(key.tail));
  CHECK(names.front() == narrowing_of(parse_api_key(once)->tail));
  CHECK(decode_restriction(key.restrictions[1]).value() == step);
  auto shorter = key;
  shorter.restrictions.pop_back();
  CHECK_FALSE(genuine_narrowings(shorter, signing));
  auto swapped = key;
  std::swap(swapped.restrictions[0], swapped.restrictions[1]);
  CHECK_FALSE(genuine_narrowings(swapped, signing));
  for (auto& body : key.restrictions)
    for (auto& c : body) {
      c = static_cast<char>(c ^ 1);
      CHECK_FALSE(genuine_narrowings(key, signing));
      c = static_cast<char>(c ^ 1);
    }
}

TEST_CASE("a key is narrowed so often and no more", "[auth]") {
  auto key
    = make_api_key(make_key_id("12345", 1), crypto::secret_key::random());
  restriction step;
  step.scope = "session_1";
  for (std::size_t i = 0; i < limits::restrictions_max; ++i)
    key = narrow_api_key(key, step).value();
  CHECK(narrow_api_key(key, step).error().code == errc::too_large);
  CHECK(narrow_api_key("cloister_x", step).error().code
        == errc::unauthenticated);
  for (auto bad : {"", "session_", "nobody", "session_1/user_2"}) {
    step.scope = bad;
    CHECK(narrow_api_key(key, step).error().code == errc::invalid_argument);
  }
}

TEST_CASE("a restriction that is not understood makes a key void", "[auth]") {
  restriction step;
  step.expires_at = timestamp{7};
  auto body = encode_restriction(step);
  CHECK(decode_restriction(body).value() == step);
  for (std::size_t i = 1; i < body.size(); ++i)
    CHECK(decode_restriction(bytes_view{body}.substr(0, i)).error().code
          == errc::unauthenticated);
  // Twice the same kind, and one that nobody knows.
  CHECK_FALSE(decode_restriction(body + body).has_value());
  body[0] = 99;
  CHECK_FALSE(decode_restriction(body).has_value());
}
