// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

TEST_CASE("a key reaches its root and nothing else", "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  runtime.organization("org_other")
    ->client("user_sarah")
    ->create_memory(draft("foreign"))
    .value();
  auto bobs = acme.client("user_bob")->create_memory(draft("bob's")).value();
  auto key
    = acme
        .create_key({.root = "user_sarah",
                     .permissions = permissions::read | permissions::write,
                     .label = "sarah's agent"})
        .value();
  auto sarah = runtime.client(key.api_key).value();
  CHECK(sarah.bound_to().path() == "org_acme/user_sarah");
  CHECK(sarah.create_memory(draft("lavender"))->author == "sarah's agent");
  CHECK(runtime.client(key.api_key, "user_bob").error().code
        == errc::forbidden);
  CHECK(runtime.client(key.api_key, "org_other/user_sarah").error().code
        == errc::forbidden);
  CHECK(sarah.get_memory(bobs.id).error()
        == sarah.get_memory(memory_id{}).error());
  CHECK(sarah.delete_all_memories().error().code == errc::forbidden);
  CHECK(sarah.list_keys().error().code == errc::forbidden);
  CHECK(sarah.list_audit().error().code == errc::forbidden);
  search_options everywhere;
  everywhere.query = "foreign lavender bob";
  everywhere.reach = visibility::subtree;
  CHECK(sarah.search_memories(everywhere).error().code == errc::forbidden);
  everywhere.reach = visibility::inherited;
  CHECK(sarah.search_memories(everywhere)->results.size() == 1);
  everywhere.reach = visibility::self;
  everywhere.scopes = {"user_bob"};
  CHECK(sarah.search_memories(everywhere).error().code == errc::forbidden);
}

TEST_CASE("a revoked key is refused at once, by those who hold it too",
          "[runtime][keys]") {
  test_node node;
  std::string text;
  {
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    auto key
      = acme.create_key({.permissions = permissions::read | permissions::write})
          .value();
    text = key.api_key;
    auto holder = runtime.client(text, "user_a").value();
    CHECK(holder.create_memory(draft("x")).has_value());
    CHECK(acme.client()->revoke_key(key.info.key_id)->revoked_at.has_value());
    CHECK(holder.create_memory(draft("y")).error().code
          == errc::unauthenticated);
    CHECK(runtime.client(text).error().code == errc::unauthenticated);
  }
  CHECK(node.open_or_fail().client(text).error().code == errc::unauthenticated);
}

TEST_CASE("a key ends when it expires", "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  key_options options{.permissions = permissions::all};
  options.expires_at = node.time->now() + 1h;
  auto key = acme.create_key(options).value();
  auto holder = runtime.client(key.api_key, "user_a").value();
  CHECK(holder.create_memory(draft("x")).has_value());
  auto longer = options;
  longer.expires_at = node.time->now() + 48h;
  CHECK(runtime.client(key.api_key)->create_key(longer)->info.expires_at
        == options.expires_at);
  node.time->advance(1h);
  CHECK(holder.get_memory(memory_id{}).error().code == errc::unauthenticated);
  CHECK(runtime.client(key.api_key).error().code == errc::unauthenticated);
}

TEST_CASE("a key cannot make one that may do more", "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto admin
    = acme
        .create_key({.root = "team_eng",
                     .permissions = permissions::admin | permissions::read})
        .value();
  auto holder = runtime.client(admin.api_key).value();
  CHECK(
    holder.create_key({.permissions = permissions::read | permissions::write})
      .error()
      .code
    == errc::forbidden);
  CHECK(
    holder.create_key({.root = "team_other", .permissions = permissions::read})
      .error()
      .code
    == errc::forbidden);
  CHECK(holder.create_key({.root = "user_x", .permissions = permissions::read})
          ->info.scope
        == "org_acme/team_eng/user_x");
  CHECK(holder.list_keys()->size() == 2);
  auto outside = acme.create_key({.permissions = permissions::read}).value();
  CHECK(holder.revoke_key(outside.info.key_id).error().code == errc::not_found);
}

TEST_CASE("a key cannot make one that shares further than it can write",
          "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  runtime.organization("org_victim").value();
  auto refused = [](const client& maker, const char* target) {
    key_options wanted{.permissions = permissions::read};
    wanted.promote_to = target;
    auto made = maker.create_key(wanted);
    return made.has_error() && made.error().code == errc::forbidden;
  };
  auto all = permissions::all;
  auto admin
    = runtime.client(acme.create_key({.permissions = all})->api_key).value();
  CHECK(refused(admin, "org_victim/user_v"));
  CHECK(refused(admin, "org_victim"));
  auto team
    = runtime
        .client(
          acme.create_key({.root = "team_eng", .permissions = all})->api_key)
        .value();
  CHECK(refused(team, "org_acme/team_other"));
  CHECK(refused(team, "org_acme"));
  CHECK_FALSE(refused(team, "user_x"));
  auto reader = runtime
                  .client(acme
                            .create_key({.permissions = permissions::read
                                                        | permissions::admin})
                            ->api_key)
                  .value();
  CHECK(refused(reader, "team_eng"));
}

TEST_CASE("a key cannot make one that sees further up", "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  acme.client()->create_memory(draft("policy")).value();
  acme.client("team_eng")->create_memory(draft("fact")).value();
  key_options wanted{.root = "team_eng", .permissions = permissions::all};
  wanted.ancestors = "none";
  auto team = runtime.client(acme.create_key(wanted)->api_key).value();
  key_options below{.root = "user_x", .permissions = permissions::read};
  for (auto ancestors : {"all", "org_acme"}) {
    below.ancestors = ancestors;
    auto made = team.create_key(below).value();
    search_options everything{.query = "policy fact"};
    everything.reach = visibility::inherited;
    auto found = runtime.client(made.api_key)->search_memories(everything);
    REQUIRE(found->results.size() == 1);
    CHECK(found->results[0].memory.content == "fact");
  }
}

TEST_CASE("a key is revoked for those who got it before its organization slept",
          "[runtime][keys]") {
  test_node node;
  node.options.idle_after = 1min;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key = acme.create_key({.permissions = permissions::all}).value();
  auto holder = runtime.client(key.api_key, "user_a").value();
  holder.create_memory(draft("x")).value();
  REQUIRE(eventually([&] {
    node.time->advance(1min);
    return active_scopes(runtime) == 0;
  }));
  acme.client()->revoke_key(key.info.key_id).value();
  CHECK(holder.list_memories().error().code == errc::unauthenticated);
}

TEST_CASE("a key that only writes is not shown what it did not write",
          "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto made = acme.client("user_a")->create_memory(draft("secret")).value();
  auto writer = runtime
                  .client(acme
                            .create_key({.root = "user_a",
                                         .permissions = permissions::write})
                            ->api_key)
                  .value();
  memory_patch patch;
  patch.metadata = R"({"a":1})";
  auto changed = writer.update_memory(made.id, patch).value();
  CHECK(changed.content.empty());
  CHECK(changed.metadata == R"({"a":1})");
  CHECK(writer.restore_memory(made.id, 1)->content.empty());
  CHECK(acme.client("user_a")->get_memory(made.id)->content == "secret");
}

TEST_CASE("forged and foreign keys are refused alike", "[runtime][keys]") {
  test_node node;
  test_node other;
  auto runtime = node.open_or_fail();
  runtime.organization("org_acme").value();
  auto foreign = other.open_or_fail().create_organization("org_acme")->api_key;
  CHECK(runtime.client(foreign).error().code == errc::unauthenticated);
  CHECK(runtime.client("cloister_nonsense").error().code
        == errc::unauthenticated);
  CHECK(runtime.client("").error().code == errc::unauthenticated);
}

TEST_CASE("sharing needs both ends and records the origin", "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto source = acme.client("user_a").value();
  auto original = source.create_memory(draft("worth sharing")).value();
  auto copy = source.share_memory(original.id, "team_eng").value();
  CHECK(copy.where.path() == "org_acme/team_eng");
  CHECK(copy.memory.content == "worth sharing");
  REQUIRE(copy.memory.origin.has_value());
  CHECK(copy.memory.origin->id == original.id);
  auto no_share
    = acme
        .create_key({.root = "user_a",
                     .permissions = permissions::read | permissions::write})
        .value();
  CHECK(runtime.client(no_share.api_key)
          ->share_memory(original.id, "user_a")
          .error()
          .code
        == errc::forbidden);
  key_options promoting{.root = "user_a", .permissions = permissions::share};
  CHECK(runtime.client(acme.create_key(promoting)->api_key)
          ->share_memory(original.id, "team_eng")
          .error()
          .code
        == errc::forbidden);
  promoting.promote_to = "team_eng";
  auto promoter = runtime.client(acme.create_key(promoting)->api_key).value();
  CHECK(promoter.share_memory(original.id, "team_eng").has_value());
  CHECK(promoter.share_memory(original.id, "team_other").error().code
        == errc::forbidden);
  CHECK(promoter.create_memory(draft("x")).error().code == errc::forbidden);
}

TEST_CASE("whoever may not read is shown nothing that it did not send",
          "[runtime][keys]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto sarah = acme.client("user_sarah").value();
  auto client_with = [&](permissions allowed) {
    auto key
      = acme.create_key({.root = "user_sarah", .permissions = allowed}).value();
    return runtime.client(key.api_key).value();
  };
  SECTION("by repeating a request") {
    auto writer = client_with(permissions::write);
    auto wanted = draft("mine");
    wanted.idempotency_key = "once";
    auto id = writer.create_memory(wanted).value().id;
    memory_patch secret;
    secret.content = "somebody's secret";
    sarah.update_memory(id, secret).value();
    auto again = writer.create_memory(wanted).value();
    CHECK(again.id == id);
    CHECK(again.content == "mine");
  }
  SECTION("by sharing") {
    auto id = sarah.create_memory(draft("somebody's secret"))->id;
    auto sharer = client_with(permissions::share | permissions::write);
    auto copy = sharer.share_memory(id, "user_sarah").value();
    CHECK(copy.memory.content.empty());
    CHECK(sarah.get_memory(copy.memory.id)->content == "somebody's secret");
  }
  SECTION("by the idempotency key of another") {
    auto first = draft("first");
    first.idempotency_key = "same";
    auto second = draft("second");
    second.idempotency_key = "same";
    CHECK(client_with(permissions::write).create_memory(first).has_value());
    CHECK(client_with(permissions::write).create_memory(second).has_value());
  }
}
