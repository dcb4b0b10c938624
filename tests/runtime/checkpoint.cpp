// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

TEST_CASE("a checkpoint holds as long as chains only grow",
          "[runtime][checkpoint]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  auto sarah = acme.client("user_sarah").value();
  sarah.create_memory(draft("x")).value();
  acme.client("user_bob/agent_a")->create_memory(draft("y")).value();
  auto own = sarah.make_checkpoint().value();
  auto all = opened.make_checkpoint().value();
  CHECK(own.chains.size() == 1);
  CHECK(all.chains.size() == 5);
  sarah.create_memory(draft("z")).value();
  acme.client("user_bob")->erase_scope().value();
  CHECK(sarah.verify_audit(own).value().intact);
  auto report = opened.verify_all(all).value();
  INFO(report.first_broken << ": " << report.reason);
  CHECK(report.intact);
  CHECK(report.checked_against.find("checkpoint of") != std::string::npos);
  // The chains of what was erased are covered by the one above.
  CHECK(opened.make_checkpoint().value().chains.size() == 3);
  CHECK(sarah.verify_audit(all).error().code == errc::invalid_argument);
  CHECK(opened.verify_all(own).error().code == errc::invalid_argument);
}

TEST_CASE("a checkpoint that was changed is not believed",
          "[runtime][checkpoint]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  acme.client("user_sarah")->create_memory(draft("x")).value();
  auto genuine = opened.make_checkpoint().value();
  CHECK(verify_checkpoint(genuine, opened.receipt_key()).has_value());
  auto bent = genuine;
  ++bent.chains.back().length;
  CHECK(opened.verify_all(bent).error().code == errc::corrupted);
  bent = genuine;
  bent.chains.pop_back();
  CHECK(opened.verify_all(bent).error().code == errc::corrupted);
  test_node other;
  CHECK(other.open_or_fail().verify_all(genuine).error().code
        == errc::corrupted);
}
