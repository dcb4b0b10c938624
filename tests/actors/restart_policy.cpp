// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/restart_policy.hpp"

#include <catch2/catch.hpp>

#include "actors/admission.hpp"
#include "core/limits.hpp"

using namespace cloister;
using namespace cloister::actors;
using namespace std::chrono_literals;

TEST_CASE("a scope that crashes pauses longer each time", "[actors]") {
  restart_policy policy;
  CHECK(policy.may_start("a", 0s).has_value());
  policy.crashed("a", 1s);
  CHECK(policy.may_start("a", 1s).error().code == errc::unavailable);
  CHECK(policy.may_start("a", 1s).error().retry_after == 50ms);
  CHECK(policy.may_start("a", 1050ms).has_value());
  policy.crashed("a", 2s);
  CHECK(policy.may_start("a", 2s).error().retry_after == 100ms);
  CHECK(policy.may_start("b", 2s).has_value());
}

TEST_CASE("a scope that keeps crashing is quarantined, then tried once more",
          "[actors]") {
  restart_policy policy;
  for (unsigned i = 0; i < restart_policy::crashes_max; ++i)
    policy.crashed("a", 10s);
  CHECK(policy.may_start("a", 60s).error().code == errc::quarantined);
  auto later = 10s + restart_policy::quarantine_period + 1s;
  CHECK(policy.may_start("a", later).has_value());
  policy.crashed("a", later);
  CHECK(policy.may_start("a", later + 60s).error().code == errc::quarantined);
  auto calm = later + restart_policy::quarantine_period
              + restart_policy::calm_period + 1s;
  policy.crashed("a", calm);
  CHECK(policy.may_start("a", calm + 60s).has_value());
}

TEST_CASE("requests beyond the bound are told to come back", "[actors]") {
  auto node = std::make_shared<node_usage>();
  auto scope = std::make_shared<scope_usage>();
  std::vector<admission> inside;
  for (std::size_t i = 0; i < limits::in_flight_per_scope_max; ++i)
    inside.push_back(admission::enter(scope).value());
  auto refused = admission::enter(scope);
  CHECK(refused.error().code == errc::overloaded);
  CHECK(refused.error().retry_after > 0ms);
  CHECK(admission::enter(std::make_shared<scope_usage>()).has_value());
  inside.pop_back();
  CHECK(admission::enter(scope).has_value());
  for (std::size_t i = 0; i < limits::in_flight_per_node_max; ++i)
    inside.push_back(admission::enter(node, 1).value());
  CHECK(admission::enter(node, 1).error().code == errc::overloaded);
  inside.pop_back();
  CHECK(admission::enter(node, limits::in_flight_bytes_max).has_value());
  inside.clear();
  CHECK(node->in_flight_bytes == 0);
  CHECK(node->in_flight == 0);
  CHECK(scope->in_flight == 0);
}
