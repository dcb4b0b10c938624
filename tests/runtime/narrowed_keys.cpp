// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "auth/narrowing.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

std::string narrowed(const std::string& key, const narrowing& to) {
  return narrow_key(key, to).value();
}

std::string team_key(const organization& acme) {
  return acme.create_key({.root = "team_eng", .label = "orchestrator"})
    ->api_key;
}

bool refused(const runtime& opened, const std::string& text) {
  auto bound = opened.client(text);
  return bound.has_error() && bound.error().code == errc::unauthenticated;
}

} // namespace

TEST_CASE("a narrowed key reaches what it was narrowed to and nothing else",
          "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key = team_key(acme);
  auto team = runtime.client(key).value();
  auto shared = team.create_memory(draft("team fact")).value();
  auto agents
    = narrowed(key, {.scope = "agent_a",
                     .permissions = permissions::read | permissions::write});
  auto agent = runtime.client(agents).value();
  CHECK(agent.bound_to().path() == "org_acme/team_eng/agent_a");
  CHECK(agent.create_memory(draft("mine"))->author == "orchestrator");
  CHECK(agent.delete_all_memories().error().code == errc::forbidden);
  CHECK(agent.get_memory(shared.id).error().code == errc::not_found);
  CHECK(runtime.client(agents, "team_eng").error().code == errc::forbidden);
  CHECK(runtime.client(agents, "org_acme/team_eng/agent_b").error().code
        == errc::forbidden);
  search_options query{.query = "team fact"};
  query.reach = visibility::inherited;
  CHECK(agent.search_memories(query)->results.size() == 1);
  auto alone = runtime.client(narrowed(agents, {.ancestors = "none"})).value();
  CHECK(alone.search_memories(query)->results.empty());
}

TEST_CASE("a narrowing beyond its key makes a key that is refused",
          "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto reader
    = acme.create_key({.root = "team_eng", .permissions = permissions::read})
        ->api_key;
  for (const auto& beyond :
       {narrowing{.scope = "org_acme"}, narrowing{.scope = "team_other"},
        narrowing{.scope = "org_other/user_x"},
        narrowing{.promote_to = "team_eng"}})
    CHECK(runtime.client(narrowed(reader, beyond)).error().code
          == errc::unauthenticated);
  auto more = runtime
                .client(narrowed(reader, {.permissions = permissions::read
                                                         | permissions::write}))
                .value();
  CHECK(more.create_memory(draft("x")).error().code == errc::forbidden);
}

TEST_CASE("a narrowed key ends when it says, and with its key",
          "[runtime][keys]") {
  test_node node;
  // What is narrowed has the time of the system.
  node.time->advance(std::chrono::milliseconds{
    system_clock()->now().milliseconds - node.time->now().milliseconds});
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key = team_key(acme);
  auto shortly = narrowed(key, {.expires_at = node.time->now() + 10min});
  auto longer = narrowed(shortly, {.expires_at = node.time->now() + 24h});
  auto holder = runtime.client(longer).value();
  CHECK(holder.create_memory(draft("x")).has_value());
  node.time->advance(10min);
  CHECK(holder.create_memory(draft("y")).error().code == errc::unauthenticated);
  CHECK(runtime.client(longer).error().code == errc::unauthenticated);
  auto other = narrowed(key, {.permissions = permissions::read});
  auto reader = runtime.client(other).value();
  CHECK(reader.list_memories().has_value());
  acme.client()->revoke_key(key).value();
  CHECK(reader.list_memories().error().code == errc::unauthenticated);
  CHECK(runtime.client(other).error().code == errc::unauthenticated);
}

TEST_CASE("a narrowed key is revoked with what came from it, and alone",
          "[runtime][keys]") {
  test_node node;
  std::string key;
  std::string once;
  std::string twice;
  std::string beside;
  {
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    key = team_key(acme);
    once = narrowed(key, {.scope = "agent_a"});
    twice = narrowed(once, {.permissions = permissions::read});
    beside = narrowed(key, {.scope = "agent_b"});
    auto holder = runtime.client(twice).value();
    CHECK(holder.list_memories().has_value());
    auto info = acme.client()->revoke_key(once).value();
    CHECK_FALSE(info.revoked_at.has_value());
    CHECK(info.revoked_narrowings == 1);
    CHECK(acme.client()->revoke_key(once)->revoked_narrowings == 1);
    CHECK(holder.list_memories().error().code == errc::unauthenticated);
    CHECK(refused(runtime, once));
    CHECK(refused(runtime, twice));
    CHECK_FALSE(refused(runtime, beside));
    CHECK_FALSE(refused(runtime, key));
  }
  auto runtime = node.open_or_fail();
  CHECK(refused(runtime, once));
  CHECK(refused(runtime, twice));
  CHECK_FALSE(refused(runtime, beside));
  // By the name that the trail has for it.
  auto trail = runtime.organization("org_acme")
                 ->client("team_eng/agent_b")
                 ->list_audit()
                 .value();
  CHECK(trail.results.empty());
  auto holder = runtime.client(beside).value();
  holder.create_memory(draft("x")).value();
  auto acme = runtime.organization("org_acme").value();
  auto entries = acme.client("team_eng/agent_b")->list_audit().value();
  auto written = std::find_if(
    entries.results.begin(), entries.results.end(),
    [](auto& each) { return each.operation == "memory.create"; });
  REQUIRE(written != entries.results.end());
  REQUIRE(written->key_chain.size() == 2);
  CHECK(written->key_chain[0] == written->key_id);
  acme.client()->revoke_key(written->key_chain[1]).value();
  CHECK(holder.create_memory(draft("y")).error().code == errc::unauthenticated);
  audit_options of_chain;
  of_chain.principal = written->key_chain[1];
  CHECK(acme.client("team_eng/agent_b")->list_audit(of_chain)->results.size()
        >= 1);
}

TEST_CASE("a key that a narrowed key makes can do no more than that",
          "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto narrow = narrowed(team_key(acme),
                         {.scope = "user_x",
                          .permissions = permissions::admin | permissions::read,
                          .expires_at = system_clock()->now() + 1000h,
                          .ancestors = "team_eng"});
  auto maker = runtime.client(narrow).value();
  CHECK(maker.create_key({.permissions = permissions::write}).error().code
        == errc::forbidden);
  CHECK(maker.create_key({.root = "team_eng", .permissions = permissions::read})
          .error()
          .code
        == errc::forbidden);
  auto made = maker.create_key({.permissions = permissions::read}).value();
  CHECK(made.info.scope == "org_acme/team_eng/user_x");
  CHECK(made.info.expires_at.has_value());
  CHECK(made.info.ancestors == "org_acme/team_eng");
}

TEST_CASE("a revoked narrowed key stays so, whatever its holder says of it",
          "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key = team_key(acme);
  auto genuine = narrowed(key, {.scope = "agent_a"});
  // The same tail, and an end that it does not have.
  auto claimed = auth::parse_api_key(genuine).value();
  auth::restriction ended;
  ended.scope = "agent_a";
  ended.expires_at = timestamp{1};
  claimed.restrictions = {auth::encode_restriction(ended)};
  auto admin = acme.client().value();
  CHECK(admin.revoke_key(auth::to_text(claimed)).error().code
        == errc::not_found);
  // Another's tail.
  auto other = auth::parse_api_key(genuine).value();
  other.tail[0] ^= 1;
  CHECK(admin.revoke_key(auth::to_text(other)).error().code == errc::not_found);
  CHECK(runtime.client(genuine).has_value());
  CHECK(admin.revoke_key(genuine).has_value());
  for (int i = 0; i < 3; ++i)
    admin.revoke_key(narrowed(key, {.scope = "agent_" + std::to_string(i)}))
      .value();
  CHECK(runtime.client(genuine).error().code == errc::unauthenticated);
}

TEST_CASE("what a narrowed key made is revoked with it", "[runtime][keys]") {
  test_node node;
  std::string made;
  std::string made_by_made;
  {
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    auto narrow = narrowed(team_key(acme), {.scope = "agent_a"});
    made = runtime.client(narrow)->create_key({})->api_key;
    auto holder = runtime.client(made).value();
    made_by_made = holder.create_key({})->api_key;
    auto second = runtime.client(made_by_made).value();
    CHECK(second.create_memory(draft("x")).has_value());
    acme.client()->revoke_key(narrow).value();
    CHECK(holder.list_memories().error().code == errc::unauthenticated);
    CHECK(second.list_memories().error().code == errc::unauthenticated);
    CHECK(refused(runtime, made));
  }
  auto runtime = node.open_or_fail();
  CHECK(refused(runtime, made));
  CHECK(refused(runtime, made_by_made));
}

TEST_CASE("a key with a step that nobody knows is refused by its name",
          "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key = auth::parse_api_key(team_key(acme)).value();
  bytes unknown{"\x63\x00\x01x", 4};
  key.tail = crypto::hmac_sha256(view_of(key.tail), unknown);
  key.restrictions.push_back(unknown);
  CHECK(refused(runtime, auth::to_text(key)));
  audit_options refusals;
  refusals.outcome = "unauthenticated";
  auto trail = acme.client().value().list_audit(refusals).value();
  REQUIRE(trail.results.size() == 1);
  CHECK(trail.results[0].key_id == auth::to_string(key.id));
  CHECK(trail.results[0].key_chain.size() == 2);
}
