// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Receipts of what has ended, by what the audit trail tells.

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

struct ended_world {
  test_node node;
  std::optional<runtime> opened = node.open_or_fail();

  client of(const std::string& name) const {
    return opened->organization("org_acme")->client(name).value();
  }

  bool is_genuine(const erasure_receipt& receipt) const {
    return verify_receipt(receipt, opened->receipt_key()).has_value();
  }
};

} // namespace

TEST_CASE("a receipt that was lost is signed again, as it was",
          "[runtime][receipt]") {
  ended_world all;
  erasure_receipt issued;
  {
    auto key
      = all.opened->organization("org_acme")
          ->create_key({.permissions = permissions::all, .label = "admin"})
          .value();
    auto admin = all.opened->client(key, "user_sarah").value();
    admin.create_memory(draft("sarah's")).value();
    auto agent = all.of("user_sarah/agent_a");
    agent.create_memory(draft("her agent's")).value();
    // An ephemeral session is in no catalog, and counts.
    auto run = agent.open_session().value();
    run->create_memory(draft("the session's")).value();
    all.node.time->advance(5min);
    issued = admin.erase_scope({.with_shared_copies = true}).value();
    CHECK(issued.scopes == 3);
    CHECK(issued.memories == 3);
    CHECK(issued.principal == "admin");
  }
  for (int starts = 0; starts < 2; ++starts) {
    all.node.time->advance(5min);
    auto again = all.of("user_sarah").find_receipt().value();
    CHECK(again == issued);
    CHECK(all.is_genuine(again));
    open_again(all.node, all.opened);
  }
  // Of what went with it there is none.
  CHECK(all.of("user_sarah/agent_a").find_receipt().error().code
        == errc::erased);
  CHECK(all.of("user_bob").find_receipt().error().code == errc::not_found);
}

TEST_CASE("a session that ended by itself has a receipt",
          "[runtime][receipt][session]") {
  ended_world all;
  auto resumable = GENERATE(false, true);
  std::optional<session> run
    = all.of("agent_planner")
        .open_session({.resumable = resumable, .idle_timeout = 10min})
        .value();
  auto name = std::string{run->info().scope.name()};
  run->memories().create_memory(draft("x")).value();
  run->memories().create_memory(draft("y")).value();
  CHECK(all.of("agent_planner").find_receipt(name).error().code
        == errc::not_found);
  SECTION("by its idle timeout") {
    all.node.time->advance(11min);
    all.opened->sweep();
  }
  SECTION("by its idle timeout, while nobody looked") {
    run->detach();
    run.reset();
    all.node.time->advance(11min);
    open_again(all.node, all.opened);
    all.opened->sweep();
  }
  SECTION("because it was closed") {
    run->close().value();
  }
  auto above = all.of("agent_planner");
  CHECK(eventually([&] { return above.find_receipt(name).has_value(); }));
  auto receipt = above.find_receipt(name).value();
  CHECK(receipt.scope == "org_acme/agent_planner/" + name);
  CHECK(receipt.memories == 2);
  CHECK(receipt.scopes == 1);
  CHECK_FALSE(receipt.reason.empty());
  CHECK(receipt.copies == std::nullopt);
  CHECK(all.is_genuine(receipt));
}

TEST_CASE("receipts are for whoever may audit", "[runtime][receipt]") {
  ended_world all;
  all.of("user_sarah").create_memory(draft("x")).value();
  all.of("user_sarah").erase_scope().value();
  auto acme = all.opened->organization("org_acme").value();
  auto auditor = acme.create_key({.permissions = permissions::audit}).value();
  auto others
    = acme.create_key({.root = "team_b", .permissions = permissions::all})
        .value();
  auto reader
    = acme.create_key({.permissions = permissions::read | permissions::admin})
        .value();
  CHECK(all.opened->client(auditor, "user_sarah")->find_receipt().has_value());
  CHECK(all.opened->client(reader, "user_sarah")->find_receipt().error().code
        == errc::forbidden);
  CHECK(
    all.opened->client(others)->find_receipt("org_acme/user_sarah").error().code
    == errc::forbidden);
  audit_options refusals;
  refusals.operation = "scope.receipt";
  refusals.outcome = "forbidden";
  CHECK(all.of("").list_audit(refusals)->results.size() == 2);
}

TEST_CASE("the operator has the receipt of an organization that was due",
          "[runtime][receipt][organization]") {
  ended_world all;
  all.of("user_sarah").create_memory(draft("x")).value();
  auto end = all.opened->erase_organization("org_acme", 24h).value();
  CHECK_FALSE(end.receipt.has_value());
  CHECK(all.opened->find_organization_receipt("org_acme").error().code
        == errc::not_found);
  all.node.time->advance(25h);
  all.opened->sweep();
  CHECK(eventually([&] {
    return all.opened->find_organization_receipt("org_acme").has_value();
  }));
  auto receipt = all.opened->find_organization_receipt("org_acme").value();
  CHECK(receipt.scopes == 2);
  CHECK(receipt.memories == 1);
  CHECK(all.is_genuine(receipt));
}

TEST_CASE("an erasure that went on after a failure has a receipt",
          "[runtime][receipt][faults]") {
  bool happened = true;
  std::size_t resumed = 0;
  for (std::uint64_t call = 1; happened; ++call) {
    INFO("call " << call);
    ended_world all;
    all.of("user_sarah").create_memory(draft("x")).value();
    all.of("user_sarah/agent_a").create_memory(draft("y")).value();
    all.node.files->plan(call, fault::power_loss);
    auto done = all.of("user_sarah").erase_scope();
    happened = all.node.files->fault_happened();
    auto files = all.node.files->after_power_loss();
    all.opened.reset();
    test_node later{all.node, files};
    auto opened = later.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    auto sarah = acme.client("user_sarah").value();
    if (sarah.list_memories()) {
      CHECK_FALSE(done.has_value());
      continue;
    }
    resumed += done ? 0 : 1;
    auto told = sarah.find_receipt().value();
    CHECK(told.scopes == 2);
    CHECK(told.memories == 2);
    CHECK(told.principal == "operator");
    if (done)
      CHECK(told == *done);
  }
  CHECK(resumed > 0);
}

TEST_CASE("what was pruned has no receipt, and what was not has one",
          "[runtime][receipt][retention]") {
  ended_world all;
  auto erase = [&](const std::string& name) {
    all.of(name).create_memory(draft("x")).value();
    all.node.time->advance(1ms);
    auto receipt = all.of(name).erase_scope().value();
    all.node.time->advance(1ms);
    return receipt;
  };
  erase("user_sarah");
  erase("user_bob");
  REQUIRE(all.of("user_sarah").reinstate_scope().has_value());
  all.node.time->advance(1h);
  auto cut = all.node.time->now();
  auto second = erase("user_sarah");
  CHECK(second.incarnation == 2);
  CHECK(all.opened->prune_audit("org_acme", cut)->entries > 0);
  CHECK(all.of("user_sarah").find_receipt().value() == second);
  auto gone = all.of("user_bob").find_receipt();
  REQUIRE(gone.has_error());
  CHECK(gone.error().code == errc::not_found);
  CHECK(gone.error().detail.find("pruned") != std::string::npos);
}
