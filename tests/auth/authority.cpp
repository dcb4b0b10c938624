// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/authority.hpp"

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::auth;

namespace {

scope at(std::string_view text) {
  return scope::parse(text).value();
}

authority_ptr holder(std::string_view root, permission_set permissions,
                     ancestor_bound ancestors = {}) {
  authority who{
    principal_kind::key, {},           "x",          at(root), permissions,
    ancestors,           std::nullopt, std::nullopt, {},       {}};
  return std::make_shared<const authority>(std::move(who));
}

errc verdict(const authority_ptr& who, operation what,
             std::string_view target) {
  auto decided
    = decide(who, what, at(target), timestamp{100}, make_request_id());
  return decided ? errc::ok : decided.error().code;
}

constexpr operation asked_by_clients[] = {operation::create_memory,
                                          operation::get_memory,
                                          operation::list_memories,
                                          operation::search_memories,
                                          operation::update_memory,
                                          operation::delete_memory,
                                          operation::delete_all_memories,
                                          operation::memory_history,
                                          operation::restore_memory,
                                          operation::share_memory,
                                          operation::receive_memory,
                                          operation::create_key,
                                          operation::list_keys,
                                          operation::revoke_key,
                                          operation::list_scopes,
                                          operation::show_scope,
                                          operation::list_audit,
                                          operation::verify_audit,
                                          operation::read_subtree,
                                          operation::show_settings,
                                          operation::configure_organization,
                                          operation::erase_scope,
                                          operation::sign_checkpoint};

} // namespace

TEST_CASE("every operation is allowed by its permission and denied without",
          "[auth]") {
  for (auto what : asked_by_clients) {
    INFO(to_string(what));
    permission_set exactly{required_for(what)};
    auto others
      = permission_set::from_bits(static_cast<std::uint8_t>(~exactly.bits()));
    CHECK(verdict(holder("org_a", exactly), what, "org_a/user_b") == errc::ok);
    CHECK(verdict(holder("org_a", others), what, "org_a/user_b")
          == errc::forbidden);
    CHECK(verdict(holder("org_a/user_b", permission_set::all()), what,
                  "org_a/user_c")
          == errc::forbidden);
    CHECK(verdict(holder("org_a", permission_set::all()), what, "org_ab")
          == errc::forbidden);
  }
}

TEST_CASE("a revoked or expired key is nobody's", "[auth]") {
  auto flag = std::make_shared<std::atomic<bool>>(false);
  authority who{principal_kind::key,
                {},
                "x",
                at("org_a"),
                permission_set::all(),
                {},
                std::nullopt,
                std::nullopt,
                {flag},
                {}};
  auto live = std::make_shared<const authority>(who);
  CHECK(verdict(live, operation::get_memory, "org_a") == errc::ok);
  flag->store(true);
  CHECK(verdict(live, operation::get_memory, "org_a") == errc::unauthenticated);
  who.revoked.clear();
  who.expires_at = timestamp{100};
  CHECK(verdict(std::make_shared<const authority>(who), operation::get_memory,
                "org_a")
        == errc::unauthenticated);
}

TEST_CASE("ancestors are read as far as the key's bound says", "[auth]") {
  auto read = permission_set{permission::read, permission::write};
  auto all = holder("org_a/team_b/user_c", read);
  CHECK(verdict(all, operation::get_memory, "org_a") == errc::ok);
  CHECK(verdict(all, operation::create_memory, "org_a") == errc::forbidden);
  CHECK(verdict(all, operation::get_memory, "org_a/team_x") == errc::forbidden);
  auto none
    = holder("org_a/team_b/user_c", read, {ancestor_bound::kind::none, {}});
  CHECK(verdict(none, operation::get_memory, "org_a/team_b")
        == errc::forbidden);
  auto some = holder("org_a/team_b/user_c", read,
                     {ancestor_bound::kind::up_to, at("org_a/team_b")});
  CHECK(verdict(some, operation::get_memory, "org_a/team_b") == errc::ok);
  CHECK(verdict(some, operation::get_memory, "org_a") == errc::forbidden);
}

TEST_CASE("promote_to grants writing copies to one scope only", "[auth]") {
  authority who{principal_kind::key,
                {},
                "x",
                at("org_a/user_b"),
                {permission::share},
                {},
                std::nullopt,
                at("org_a/team_c"),
                {},
                {}};
  auto key = std::make_shared<const authority>(who);
  CHECK(verdict(key, operation::receive_memory, "org_a/team_c") == errc::ok);
  CHECK(verdict(key, operation::create_memory, "org_a/team_c")
        == errc::forbidden);
  CHECK(verdict(key, operation::receive_memory, "org_a/team_c/user_x")
        == errc::forbidden);
}
