// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <thread>

#include <catch2/catch.hpp>

#include "runtime/audit_export.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

constexpr auto week = 7 * 24h;

/// Two organizations, one of which has somebody who was erased before.
struct two_organizations {
  test_node node;
  std::optional<runtime> opened{node.open_or_fail()};
  std::string key;

  two_organizations() {
    key = opened->create_organization("org_acme")->api_key;
    auto acme = opened->organization("org_acme").value();
    acme.client("user_sarah")->create_memory(draft("sarah's")).value();
    acme.client("user_sarah/agent_a")->create_memory(draft("agent's")).value();
    acme.client("user_gone/agent_b")->create_memory(draft("gone")).value();
    acme.client("user_gone")->erase_scope().value();
    auto other = opened->organization("org_other").value();
    other.client("user_bob")->create_memory(draft("bob's")).value();
  }

  void open_again() {
    cloister::test::open_again(node, opened);
  }

  errc outcome_with_key() {
    auto bound = opened->client(key, "user_sarah");
    if (bound.has_error())
      return bound.error().code;
    auto got = bound->list_memories();
    return got ? errc::ok : got.error().code;
  }

  bool is_whole() {
    return opened->verify_all().value().intact && damages_of(*opened).empty();
  }
};

} // namespace

TEST_CASE("a disabled organization is nobody's, and can be kept after all",
          "[runtime][organization]") {
  two_organizations both;
  {
    auto bound = both.opened->client(both.key, "user_sarah").value();
    auto end = both.opened->erase_organization("org_acme").value();
    CHECK(end.erased_at == both.node.time->now() + week);
    CHECK_FALSE(end.receipt.has_value());
    CHECK(both.outcome_with_key() == errc::forbidden);
    // Who was there before, and the operator.
    CHECK(bound.create_memory(draft("x")).error().code == errc::forbidden);
    auto acme = both.opened->organization("org_acme").value();
    CHECK(acme.client("user_sarah")->list_memories().error().code
          == errc::forbidden);
    CHECK(acme.client()->list_scopes().error().code == errc::forbidden);
    // But for the audit trail, which has the refusals.
    auto trail = acme.client()->list_audit({.outcome = "forbidden"}).value();
    CHECK(trail.results.size() >= 3);
    CHECK(acme.client()->verify_audit()->intact);
    auto other = both.opened->organization("org_other").value();
    CHECK(other.client("user_bob")->list_memories()->results.size() == 1);
    CHECK(both.opened->list_organizations()->scopes.front().erased_at
          == end.erased_at);
  }
  both.open_again();
  CHECK(both.outcome_with_key() == errc::forbidden);
  CHECK(both.opened->keep_organization("org_acme").has_value());
  CHECK(both.outcome_with_key() == errc::ok);
  CHECK(both.opened->keep_organization("org_acme").error().code
        == errc::conflict);
  both.open_again();
  CHECK(both.outcome_with_key() == errc::ok);
  CHECK(both.is_whole());
}

TEST_CASE("an organization is destroyed once its delay is over",
          "[runtime][organization]") {
  two_organizations both;
  both.opened->erase_organization("org_acme").value();
  both.node.time->advance(week - 1ms);
  both.opened->sweep();
  CHECK(both.outcome_with_key() == errc::forbidden);
  both.node.time->advance(1ms);
  SECTION("while a process runs") {
    both.opened->sweep();
  }
  SECTION("by the next process") {
    both.open_again();
  }
  CHECK(eventually(
    [&] { return both.outcome_with_key() == errc::unauthenticated; }));
  CHECK(eventually([&] {
    auto made = both.opened->create_organization("org_acme");
    return made.has_error() && made.error().code == errc::erased;
  }));
  auto trail = both.opened->list_node_audit({.operation = "org.erase"}).value();
  REQUIRE(trail.results.size() == 2);
  CHECK(trail.results.front().count == 3);
  CHECK(both.is_whole());
}

TEST_CASE("what an erased organization had is gone, and its chains verify",
          "[runtime][organization]") {
  two_organizations both;
  auto before = both.opened->make_checkpoint().value();
  auto end = both.opened->erase_organization("org_acme", 0ms).value();
  REQUIRE(end.receipt.has_value());
  CHECK(verify_receipt(*end.receipt, both.opened->receipt_key()).has_value());
  // The organization, the user, the agent: not who was gone already.
  CHECK(end.receipt->scopes == 3);
  CHECK(end.receipt->memories == 2);
  CHECK(both.outcome_with_key() == errc::unauthenticated);
  CHECK(both.opened->erase_organization("org_acme", 0ms).error().code
        == errc::erased);
  CHECK(both.opened->erase_organization("org_nobody").error().code
        == errc::not_found);
  CHECK(both.opened->verify_all(before)->intact);
  both.open_again();
  CHECK(eventually([&] { return has_finished_erasures(*both.opened); }));
  CHECK(both.outcome_with_key() == errc::unauthenticated);
  CHECK(both.opened->verify_all(before)->intact);
  CHECK(both.is_whole());
  // The trails of all that was in it can be exported, and verify elsewhere.
  std::vector<std::string> lines;
  auto exported = both.opened->export_audit([&](std::string_view line) {
    lines.emplace_back(line);
    return true;
  });
  REQUIRE(exported.has_value());
  CHECK(exported->chains >= 7);
}

TEST_CASE("who was bound before an organization was erased stays outside",
          "[runtime][organization]") {
  two_organizations both;
  auto bound = both.opened->client(both.key, "user_sarah").value();
  auto narrow = both.opened->organization("org_acme")
                  ->create_key({.root = "user_sarah"})
                  .value();
  auto below = both.opened->client(narrow).value();
  both.opened->erase_organization("org_acme", 0ms).value();
  CHECK(both.opened->reinstate_organization("org_acme").has_value());
  auto fresh = both.opened->create_organization("org_acme").value();
  auto sarah = both.opened->client(fresh, "user_sarah").value();
  sarah.create_memory(draft("new")).value();
  for (const auto* each : {&bound, &below}) {
    CHECK(each->list_memories().has_error());
    CHECK(each->create_memory(draft("x")).has_error());
  }
  CHECK(sarah.list_memories()->results.size() == 1);
}

TEST_CASE("an organization that is kept at the last moment is not destroyed",
          "[runtime][organization]") {
  for (int round = 0; round < (long_mode() ? 200 : 10); ++round) {
    two_organizations both;
    both.opened->erase_organization("org_acme").value();
    both.node.time->advance(week);
    std::thread sweeper{[&] { both.opened->sweep(); }};
    auto kept = both.opened->keep_organization("org_acme");
    sweeper.join();
    both.opened->sweep();
    if (kept) {
      // Somebody may still be on the way to it, and find out.
      both.opened->sweep();
      CHECK(eventually([&] { return both.outcome_with_key() == errc::ok; }));
    } else {
      CHECK(eventually(
        [&] { return both.outcome_with_key() == errc::unauthenticated; }));
    }
    CHECK(both.is_whole());
  }
}

TEST_CASE("a reinstated organization begins anew", "[runtime][organization]") {
  two_organizations both;
  both.opened->erase_organization("org_acme", 0ms).value();
  CHECK(both.opened->reinstate_organization("org_other").error().code
        == errc::conflict);
  CHECK(both.opened->reinstate_organization("org_acme").has_value());
  both.open_again();
  auto fresh = both.opened->create_organization("org_acme").value();
  CHECK(both.outcome_with_key() == errc::unauthenticated);
  auto sarah = both.opened->client(fresh, "user_sarah").value();
  CHECK(sarah.list_memories()->results.empty());
  sarah.create_memory(draft("new")).value();
  CHECK(eventually([&] { return has_finished_erasures(*both.opened); }));
  CHECK(both.is_whole());
  both.opened->erase_organization("org_acme", 0ms).value();
  CHECK(both.is_whole());
}

TEST_CASE("an erasure of an organization that fails anywhere goes on",
          "[runtime][organization][faults]") {
  bool happened = true;
  for (std::uint64_t call = 1; happened; call += long_mode() ? 1 : 3) {
    two_organizations both;
    both.node.files->plan(call, fault::fail);
    auto end = both.opened->erase_organization("org_acme", 0ms);
    happened = both.node.files->fault_happened();
    both.node.files->plan(0, fault::fail);
    both.open_again();
    INFO("call " << call);
    CHECK(eventually([&] { return has_finished_erasures(*both.opened); }));
    auto outcome = both.outcome_with_key();
    CHECK((outcome == errc::unauthenticated || outcome == errc::ok));
    if (end)
      CHECK(outcome == errc::unauthenticated);
    CHECK(both.is_whole());
  }
}
