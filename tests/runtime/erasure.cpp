// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "auth/narrowing.hpp"
#include "engine/examiner.hpp"
#include "persistence/erasure.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

/// A team with users, one of whom has an agent.
struct team {
  test_node node;
  runtime opened = node.open_or_fail();
  organization acme = opened.organization("org_acme").value();
  client sarah = acme.client("team_eng/user_sarah").value();
  client agent = acme.client("team_eng/user_sarah/agent_a").value();
  client bob = acme.client("team_eng/user_bob").value();

  team() {
    sarah.create_memory(draft("sarah's")).value();
    for (int i = 0; i < 20; ++i)
      agent.create_memory(draft("agent's " + std::to_string(i))).value();
    bob.create_memory(draft("bob's")).value();
  }
};

/// Records that a scope has in the store, by kind.
std::map<char, int> kinds_of(const runtime& opened, const std::string& tag) {
  std::map<char, int> out;
  auto wanted = from_hex(tag).value();
  const auto& records = gateway_of(opened).services().records;
  static_cast<void>(records.scan({}, {}, [&](bytes_view key, bytes_view) {
    if (key.substr(2, 16) == wanted)
      ++out[key[persistence::key_prefix_bytes]];
    return true;
  }));
  return out;
}

} // namespace

TEST_CASE("what is erased is gone with all below, and its name is refused",
          "[runtime][erasure]") {
  team all;
  auto id = all.sarah.list_memories()->results.front().memory.id;
  auto tag = all.agent.show_scope()->tag;
  auto receipt = all.sarah.erase_scope().value();
  CHECK(receipt.scope == "org_acme/team_eng/user_sarah");
  CHECK(receipt.scopes == 2);
  CHECK(receipt.memories == 21);
  CHECK(receipt.principal == "operator");
  auto refused = [](const auto& outcome) {
    return outcome.has_error() && outcome.error().code == errc::erased;
  };
  CHECK(refused(all.sarah.get_memory(id)));
  CHECK(refused(all.sarah.create_memory(draft("again"))));
  CHECK(refused(all.sarah.list_memories()));
  CHECK(refused(all.agent.search_memories({.query = "agent"})));
  CHECK(refused(all.acme.client("team_eng/user_sarah/agent_new")
                  ->create_memory(draft("x"))));
  CHECK(refused(all.sarah.erase_scope()));
  // Nobody else has noticed.
  CHECK(all.bob.list_memories()->results.size() == 1);
  CHECK(all.acme.client()->list_scopes().value().scopes.size() == 2);
  CHECK(all.acme.client()->verify_audit().value().intact);
  CHECK(all.opened.verify_all().value().intact);
  // In the end the audit chain alone is left.
  CHECK(eventually([&] { return kinds_of(all.opened, tag).size() == 1; }));
  CHECK(kinds_of(all.opened, tag).count('a') == 1);
  CHECK(kinds_of(all.opened, receipt.tag).size() == 1);
  CHECK(all.opened.verify_all().value().intact);
}

TEST_CASE("what is erased stays so after a restart", "[runtime][erasure]") {
  test_node node;
  std::uint64_t entries = 0;
  {
    auto opened = node.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    acme.client("user_a/agent_b")->create_memory(draft("x")).value();
    acme.client("user_a")->erase_scope().value();
    entries = opened.verify_all().value().entries;
  }
  std::optional<runtime> again;
  open_again(node, again);
  auto& opened = *again;
  auto acme = opened.organization("org_acme").value();
  CHECK(acme.client("user_a")->list_memories().error().code == errc::erased);
  CHECK(acme.client("user_a/agent_b")->create_memory(draft("x")).error().code
        == errc::erased);
  auto report = opened.verify_all().value();
  CHECK(report.intact);
  CHECK(report.entries > entries);
  // A parent of what was erased is erased with what its chain says.
  acme.client("user_c/agent_d")->create_memory(draft("x")).value();
  acme.client("user_c/agent_d")->erase_scope().value();
  CHECK(acme.client("user_c")->erase_scope()->scopes == 1);
  CHECK(opened.verify_all().value().intact);
}

TEST_CASE("erasing needs the permission, and something to erase",
          "[runtime][erasure]") {
  team all;
  auto writer
    = all.acme
        .create_key({.root = "team_eng/user_sarah",
                     .permissions = permissions::read | permissions::write
                                    | permissions::remove})
        .value();
  auto admin
    = all.acme
        .create_key({.root = "team_eng", .permissions = permissions::admin})
        .value();
  CHECK(all.opened.client(writer)->erase_scope().error().code
        == errc::forbidden);
  CHECK(all.acme.client()->erase_scope().error().code
        == errc::invalid_argument);
  CHECK(all.acme.client("user_nobody")->erase_scope().error().code
        == errc::not_found);
  auto receipt = all.opened.client(admin, "user_sarah")->erase_scope().value();
  CHECK(receipt.key_id == admin.info.key_id);
  // Its keys are dead, and name nobody.
  CHECK(all.opened.client(writer).error().code == errc::unauthenticated);
  for (const auto& key : all.acme.client()->list_keys().value())
    CHECK(key.scope.find("sarah") == std::string::npos);
  audit_options refusals;
  refusals.operation = "scope.erase";
  refusals.outcome = "forbidden";
  CHECK(all.acme.client()->list_audit(refusals)->results.size() == 1);
}

TEST_CASE("the trail tells of an erasure, and not what was erased",
          "[runtime][erasure]") {
  team all;
  all.sarah.erase_scope().value();
  auto trail = all.acme.client("team_eng")->list_audit({.limit = 1000}).value();
  int ends = 0;
  int erasures = 0;
  for (const auto& entry : trail.results) {
    ends += entry.operation == "scope.end" ? 1 : 0;
    erasures += entry.operation == "scope.erase" ? 1 : 0;
    CHECK(entry.scope.find("sarah") == std::string::npos);
    CHECK(entry.child.find("sarah") == std::string::npos);
    CHECK(entry.reason.find("sarah") == std::string::npos);
  }
  CHECK(ends == 2);
  CHECK(erasures == 2);
}

TEST_CASE("a receipt is of one erasure by one store", "[runtime][erasure]") {
  team all;
  auto receipt = all.sarah.erase_scope().value();
  CHECK(verify_receipt(receipt, all.opened.receipt_key()).has_value());
  CHECK(receipt.public_key == all.opened.receipt_key());
  test_node other;
  CHECK(verify_receipt(receipt, other.open_or_fail().receipt_key()).error().code
        == errc::corrupted);
  CHECK(verify_receipt(receipt, "12").error().code == errc::invalid_argument);
  auto changed = [&](auto change) {
    auto bent = receipt;
    change(bent);
    return verify_receipt(bent, all.opened.receipt_key()).has_error();
  };
  CHECK(changed([](auto& r) { r.scope += 'x'; }));
  CHECK(changed([](auto& r) { ++r.memories; }));
  CHECK(changed([](auto& r) { ++r.erased_at.milliseconds; }));
  CHECK(changed([](auto& r) { r.principal = "bob"; }));
  CHECK(changed([](auto& r) { ++r.audit_index; }));
  CHECK(changed([](auto& r) { std::swap(r.tag, r.audit_chain); }));
  CHECK(changed([](auto& r) { r.signature[0] ^= 1; }));
}

TEST_CASE("a scope in full use can be erased", "[runtime][erasure]") {
  team all;
  std::atomic<int> left{0};
  std::atomic<int> odd{0};
  auto use = [&](const client& who) {
    ++left;
    who.create_memory(draft("more"), [&](const result<memory>& made) {
      auto code = made ? errc::ok : made.error().code;
      if (code != errc::ok && code != errc::erased && code != errc::unavailable)
        ++odd;
      --left;
    });
  };
  for (int i = 0; i < 100; ++i)
    use(i % 2 == 0 ? all.agent : all.sarah);
  auto receipt = all.sarah.erase_scope();
  for (int i = 0; i < 100; ++i)
    use(i % 2 == 0 ? all.agent : all.sarah);
  CHECK(receipt.has_value());
  CHECK(eventually([&] { return left == 0; }));
  CHECK(odd == 0);
  CHECK(all.agent.list_memories().error().code == errc::erased);
  CHECK(all.opened.verify_all().value().intact);
}

TEST_CASE("a name that was reinstated begins anew, and old keys stay dead",
          "[runtime][erasure]") {
  team all;
  auto admin
    = all.acme.create_key({.root = "org_acme", .permissions = permissions::all})
        .value();
  auto rooted = all.acme
                  .create_key({.root = "team_eng/user_sarah",
                               .permissions = permissions::all})
                  .value();
  auth::restriction to_sarah;
  to_sarah.scope = "team_eng/user_sarah";
  to_sarah.issued_at = all.node.time->now();
  auto narrowed = auth::narrow_api_key(admin.api_key, to_sarah).value();
  auto bound = all.opened.client(narrowed).value();
  CHECK(bound.list_memories().has_value());
  auto promoting = all.acme
                     .create_key({.root = "team_eng/user_bob",
                                  .permissions = permissions::all,
                                  .promote_to = "team_eng/user_sarah"})
                     .value();
  auto promoter = all.opened.client(promoting).value();
  CHECK(all.sarah.reinstate_scope().error().code == errc::conflict);
  auto tag = all.sarah.show_scope()->tag;
  all.node.time->advance(std::chrono::milliseconds{5});
  all.sarah.erase_scope().value();
  // Only from above, and only by an administrator.
  CHECK(all.opened.client(rooted).error().code == errc::unauthenticated);
  auto writer
    = all.acme
        .create_key({.root = "team_eng",
                     .permissions = permissions::read | permissions::write})
        .value();
  CHECK(all.opened.client(writer, "user_sarah")->reinstate_scope().error().code
        == errc::forbidden);
  CHECK(all.opened.client(admin, "team_eng/user_sarah")
          ->reinstate_scope()
          .has_value());
  CHECK(all.sarah.list_memories()->results.empty());
  CHECK(all.agent.list_memories()->results.empty());
  all.sarah.create_memory(draft("anew")).value();
  CHECK(all.sarah.show_scope()->tag != tag);
  CHECK(all.sarah.show_scope()->incarnation == 2);
  CHECK(all.sarah.list_memories()->results.size() == 1);
  CHECK(all.opened.client(rooted).error().code == errc::unauthenticated);
  CHECK(all.opened.client(narrowed).error().code == errc::unauthenticated);
  // Nor does who was there before find the new one.
  CHECK(bound.list_memories().error().code == errc::unauthenticated);
  CHECK(bound.create_memory(draft("x")).error().code == errc::unauthenticated);
  CHECK(promoter.list_memories().error().code == errc::unauthenticated);
  all.node.time->advance(std::chrono::milliseconds{5});
  to_sarah.issued_at = all.node.time->now();
  auto fresh = auth::narrow_api_key(admin.api_key, to_sarah).value();
  CHECK(all.opened.client(fresh)->list_memories()->results.size() == 1);
  CHECK(eventually([&] { return has_finished_erasures(all.opened); }));
  CHECK(all.opened.verify_all().value().intact);
  CHECK(damages_of(all.opened) == "");
  // And once more.
  CHECK(all.sarah.erase_scope()->incarnation == 2);
  CHECK(all.sarah.list_memories().error().code == errc::erased);
}
