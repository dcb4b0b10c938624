// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>
#include <mutex>

#include "tests/runtime/quota_world.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

TEST_CASE("operations come as fast as they may, and again when there is time",
          "[quota]") {
  for (auto in_organization : {false, true}) {
    quota_world w;
    auto id = w.sarah.create_memory(draft("x"))->id;
    quota_changes limits{.operations_per_second
                         = std::optional<std::uint64_t>{2},
                         .operations_burst = std::optional<std::uint64_t>{4}};
    if (in_organization)
      w.limit_all(limits);
    else
      w.sarah.configure_scope(limits).value();
    auto get = [&] { return w.sarah.get_memory(id); };
    for (int i = 0; i < 4; ++i)
      CHECK(get().has_value());
    auto refused = get();
    CHECK(refused.error().code == errc::rate_limited);
    CHECK(refused.error().retry_after == 500ms);
    CHECK((code_of(w.tom.list_memories()) == errc::ok) == !in_organization);
    w.node.time->advance(499ms);
    CHECK(code_of(get()) == errc::rate_limited);
    w.node.time->advance(1ms);
    CHECK(get().has_value());
    CHECK(code_of(get()) == errc::rate_limited);
    // No more than the burst is saved up.
    w.node.time->advance(1h);
    for (int i = 0; i < 4; ++i)
      CHECK(get().has_value());
    CHECK(code_of(get()) == errc::rate_limited);
    // The operator is not locked out.
    auto none = std::optional<std::uint64_t>{};
    if (in_organization)
      w.limit_all({.operations_per_second = none});
    else
      w.sarah.configure_scope({.operations_per_second = none}).value();
    CHECK(get().has_value());
  }
}

TEST_CASE(
  "nothing is asked of a scope, nor of the store, for an operation that "
  "comes too early",
  "[quota]") {
  test_node node;
  std::atomic<int> begun{0};
  node.options.before_operation
    = [&](const scope&, auth::operation) { ++begun; };
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  auto sarah = acme.client("user_sarah").value();
  sarah
    .configure_scope({.operations_per_second = std::optional<std::uint64_t>{1}})
    .value();
  CHECK(create(sarah) == errc::ok);
  auto before = begun.load();
  auto reads = gateway_of(opened).services().records.counters().reads;
  for (int i = 0; i < 100; ++i)
    CHECK(create(sarah) == errc::rate_limited);
  CHECK(code_of(sarah.list_memories()) == errc::rate_limited);
  CHECK(code_of(sarah.search_memories({.query = "x"})) == errc::rate_limited);
  CHECK(code_of(sarah.open_session()) == errc::rate_limited);
  CHECK(code_of(sarah.erase_scope()) == errc::rate_limited);
  CHECK(code_of(sarah.list_keys()) == errc::rate_limited);
  CHECK(begun == before);
  CHECK(gateway_of(opened).services().records.counters().reads == reads);
}

TEST_CASE("whoever asks too often fills no trail", "[quota]") {
  quota_world w;
  auto key
    = w.acme.create_key({.root = "user_sarah", .label = "sarah"}).value();
  auto reader
    = w.acme
        .create_key({.root = "user_sarah", .permissions = permissions::read})
        .value();
  auto sarah = w.opened.client(key).value();
  auto weak = w.opened.client(reader).value();
  CHECK(create(sarah) == errc::ok);
  w.limit_all({.operations_per_second = std::optional<std::uint64_t>{2}});
  auto limited = [&] {
    audit_options options;
    options.outcome = "rate_limited";
    options.limit = 1000;
    std::vector<std::pair<std::string, std::uint32_t>> out;
    auto trail = w.opened.list_node_audit(options).value();
    for (const auto& line : trail.results)
      out.emplace_back(line.key_id, line.count);
    return out;
  };
  // Refused ones count, too.
  CHECK(create(weak) == errc::forbidden);
  CHECK(create(weak) == errc::forbidden);
  for (int i = 0; i < 50; ++i) {
    CHECK(create(weak) == errc::rate_limited);
    CHECK(create(sarah) == errc::rate_limited);
    CHECK(code_of(sarah.create_key({.root = "org_acme"}))
          == errc::rate_limited);
  }
  CHECK(limited().size() == 2);
  w.node.time->advance(1min);
  for (const auto& where : {w.acme.client("").value(), w.sarah}) {
    auto trail = where.list_audit({.limit = 1000}).value().results;
    CHECK(trail.size() < 12);
    for (const auto& line : trail)
      CHECK(line.outcome != "rate_limited");
  }
  CHECK(create(sarah) == errc::rate_limited);
  auto found = limited();
  REQUIRE(found.size() == 5);
  auto count_of = [&](const std::string& id) {
    std::uint32_t out = 0;
    for (const auto& [by, count] : found)
      out += by == id ? count : 0;
    return out;
  };
  CHECK(count_of(reader.info.key_id) == 49);
  CHECK(count_of(key.info.key_id) == 99);
}

TEST_CASE("nobody uses up what another tenant may do", "[quota]") {
  quota_world w;
  auto other = w.opened.organization("org_other").value();
  w.limit_all({.operations_per_second = std::optional<std::uint64_t>{3}});
  auto stranger = w.opened.client(other.create_key({}).value()).value();
  auto id = memory_id{};
  for (int i = 0; i < 20; ++i)
    CHECK(stranger.share_memory(id, "org_acme/user_sarah").error().code
          == errc::forbidden);
  CHECK(create(w.sarah) == errc::ok);
  // Nor a neighbour, whose own rate is another.
  auto key = w.acme.create_key({.root = "user_tom"}).value();
  w.limit_all({.operations_per_second = std::optional<std::uint64_t>{}});
  w.sarah
    .configure_scope({.operations_per_second = std::optional<std::uint64_t>{1}})
    .value();
  auto tom = w.opened.client(key).value();
  for (int i = 0; i < 20; ++i)
    CHECK(tom.share_memory(id, "user_sarah").error().code == errc::forbidden);
  CHECK(create(w.sarah) == errc::ok);
  CHECK(create(w.sarah) == errc::rate_limited);
}

TEST_CASE("what goes on by itself is not held up by a rate", "[quota]") {
  quota_world w;
  auto wanted = draft("goes");
  wanted.expires_at = w.node.time->now() + 1h;
  w.sarah.create_memory(wanted).value();
  auto run = std::make_optional(w.sarah.open_session().value());
  auto name = run->scope();
  w.limit_all({.operations_per_second = std::optional<std::uint64_t>{1}});
  CHECK(code_of(w.tom.list_memories()) == errc::ok);
  CHECK(code_of(w.tom.list_memories()) == errc::rate_limited);
  run.reset();
  CHECK(eventually(
    [&] { return gateway_of(w.opened).services().sessions->size() == 0; }));
  w.node.time->advance(2h);
  w.opened.sweep();
  CHECK(eventually([&] {
    w.node.time->advance(2s);
    auto shown = w.sarah.show_scope();
    return shown && shown->memories == 0;
  }));
}

TEST_CASE("a search of many scopes is one operation of the organization",
          "[quota]") {
  quota_world w;
  CHECK(create(w.sarah) == errc::ok);
  CHECK(create(w.tom) == errc::ok);
  w.limit_all({.operations_per_second = std::optional<std::uint64_t>{1}});
  auto company = w.acme.client("").value();
  CHECK(company
          .search_memories({.query = "x", .scopes = {"user_sarah", "user_tom"}})
          ->results.size()
        == 2);
  w.node.time->advance(1s);
  CHECK(company.list_memories({.scopes = {"user_sarah", "user_tom"}})
          ->results.size()
        == 2);
  CHECK(code_of(company.list_memories()) == errc::rate_limited);
}
