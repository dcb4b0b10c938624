// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/scope.hpp"

#include <catch2/catch.hpp>

#include "core/limits.hpp"

using cloister::errc;
using cloister::scope;

namespace {

scope at(std::string_view text) {
  return scope::parse(text).value();
}

std::string resolved(std::string_view root, std::string_view user_id) {
  auto out = at(root).resolve(user_id);
  return out ? std::string{out->path()}
             : std::string{to_string(out.error().code)};
}

} // namespace

TEST_CASE("a scope is an organization and at most one of each kind in order",
          "[core][scope]") {
  for (auto text : {"org_acme", "org_acme/team_eng", "org_acme/user_7",
                    "org_a/team_b/customer_c/app_d/session_e",
                    "org_acme/session_x", "org_A.b~c@d:e+f-g|h=i%j"})
    CHECK(scope::parse(text).has_value());
  for (auto text :
       {"", "acme", "org_", "org_acme/", "/org_acme", "org_acme//user_x",
        "user_sarah", "org_a/org_b", "org_a/user_b/team_c",
        "org_a/user_b/customer_c", "org_a/agent_x/app_y", "org_.", "org_..",
        "org_a b", "org_a/user_ü", "ORG_acme", "org_acme\n", "org_a/user_"})
    CHECK(scope::parse(text).error().code == errc::invalid_argument);
}

TEST_CASE("a scope's name has at most 128 bytes", "[core][scope]") {
  std::string longest(cloister::limits::scope_name_bytes_max, 'x');
  CHECK(scope::parse("org_" + longest).has_value());
  CHECK_FALSE(scope::parse("org_" + longest + 'x').has_value());
}

TEST_CASE("a scope contains its descendants but not its siblings",
          "[core][scope]") {
  auto acme = at("org_acme");
  CHECK(acme.contains(acme));
  CHECK(acme.contains(at("org_acme/agent_bot")));
  CHECK_FALSE(acme.contains(at("org_acme-evil/agent_bot")));
  CHECK_FALSE(at("org_acme/user_a").contains(at("org_acme/user_ab")));
  CHECK_FALSE(at("org_acme/user_a").contains(acme));
}

TEST_CASE("a user_id keeps the root's segments of kinds before its own",
          "[core][scope]") {
  CHECK(resolved("org_acme", "user_sarah") == "org_acme/user_sarah");
  CHECK(resolved("org_acme/team_eng", "user_sarah")
        == "org_acme/team_eng/user_sarah");
  CHECK(resolved("org_acme", "") == "org_acme");
  CHECK(resolved("org_acme/agent_planner", "agent_planner")
        == "org_acme/agent_planner");
  CHECK(resolved("org_acme/agent_planner", "org_acme/agent_planner/session_1")
        == "org_acme/agent_planner/session_1");
  CHECK(resolved("org_acme/agent_planner", "session_1")
        == "org_acme/agent_planner/session_1");
}

TEST_CASE("a user_id outside the root is forbidden", "[core][scope]") {
  CHECK(resolved("org_acme/user_sarah", "user_bob") == "forbidden");
  CHECK(resolved("org_acme/user_sarah", "org_acme") == "forbidden");
  CHECK(resolved("org_acme/user_sarah", "org_other/user_sarah") == "forbidden");
  CHECK(resolved("org_acme/user_a", "user_ab") == "forbidden");
  CHECK(resolved("org_acme/user_sarah", "../user_bob") == "invalid_argument");
  CHECK(resolved("org_acme", "user_a/user_b") == "invalid_argument");
}

TEST_CASE("a scope knows its parent, ancestors and organization",
          "[core][scope]") {
  auto deep = at("org_a/team_b/user_c");
  CHECK(deep.parent()->path() == "org_a/team_b");
  CHECK(deep.ancestors().size() == 2);
  CHECK(deep.ancestors().back().path() == "org_a");
  CHECK(deep.organization().path() == "org_a");
  CHECK_FALSE(at("org_a").parent().has_value());
  CHECK(deep.depth() == 3);
}
