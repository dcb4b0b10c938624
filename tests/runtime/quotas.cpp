// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>
#include <mutex>

#include "engine/usage.hpp"
#include "tests/runtime/quota_world.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

/// Creates that many at once; answers how many came of it, and that all others
/// were refused for their quota.
std::size_t create_at_once(const std::vector<client>& who, std::size_t each) {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t stored = 0;
  std::size_t refused = 0;
  auto all = who.size() * each;
  for (std::size_t i = 0; i < all; ++i)
    who[i % who.size()].create_memory(draft("x"), [&](auto done) {
      std::lock_guard guard{mutex};
      if (done)
        ++stored;
      else if (done.error().code == errc::quota_exceeded)
        ++refused;
      else
        FAIL_CHECK(done.error().detail);
      if (stored + refused == all)
        changed.notify_all();
    });
  std::unique_lock guard{mutex};
  auto in_time
    = changed.wait_for(guard, 60s, [&] { return stored + refused == all; });
  CHECK(in_time);
  return stored;
}

} // namespace

// -- memories and bytes --

TEST_CASE("a scope holds no more memories than it may", "[quota]") {
  quota_world w;
  CHECK(w.sarah.configure_scope(memories(2))->memories_max == 2u);
  auto first = w.sarah.create_memory(draft("first")).value();
  CHECK(create(w.sarah) == errc::ok);
  auto refused = w.sarah.create_memory(draft("third"));
  CHECK(refused.error().code == errc::quota_exceeded);
  CHECK(refused.error().detail.find("2 memories") != std::string::npos);
  CHECK(w.sarah.show_scope()->memories == 2);
  CHECK(create(w.tom) == errc::ok);
  CHECK(w.sarah.delete_memory(first.id).has_value());
  CHECK(create(w.sarah) == errc::ok);
  CHECK(create(w.sarah) == errc::quota_exceeded);
  CHECK(
    w.sarah.configure_scope({.memories_max = std::optional<std::uint64_t>{}})
      ->memories_max
    == std::nullopt);
  CHECK(create(w.sarah) == errc::ok);
  CHECK(damages_of(w.opened).empty());
  CHECK(w.opened.verify_all()->intact);
}

TEST_CASE("all scopes of an organization hold no more memories than it may",
          "[quota]") {
  quota_world w;
  CHECK(create(w.sarah) == errc::ok);
  w.limit_all(memories(3));
  CHECK(create(w.tom) == errc::ok);
  CHECK(create(w.sarah) == errc::ok);
  CHECK(create(w.sarah) == errc::quota_exceeded);
  CHECK(create(w.tom) == errc::quota_exceeded);
  // Neither a scope that is new, nor another organization's.
  CHECK(create(w.acme.client("user_new").value()) == errc::quota_exceeded);
  CHECK(create(w.opened.organization("org_other")->client("user_tom").value())
        == errc::ok);
  CHECK(w.sarah.delete_all_memories().value() == 2);
  CHECK(create(w.tom) == errc::ok);
  CHECK(w.all().memories == 2);
  CHECK(damages_of(w.opened).empty());
}

TEST_CASE("a batch is stored as a whole or refused as a whole", "[quota]") {
  quota_world w;
  w.limit_all(memories(3));
  CHECK(create(w.sarah) == errc::ok);
  CHECK(code_of(w.sarah.create_memories({draft("a"), draft("b"), draft("c")}))
        == errc::quota_exceeded);
  CHECK(w.all().memories == 1);
  CHECK(code_of(w.sarah.create_memories({draft("a"), draft("b")})) == errc::ok);
}

TEST_CASE("bytes are bounded in a scope and in an organization", "[quota]") {
  for (auto in_organization : {false, true}) {
    quota_world w;
    w.sarah.create_memory(draft(letters(1000))).value();
    auto held = w.sarah.show_scope()->bytes;
    quota_changes limits{.bytes_max = std::optional{2 * held}};
    if (in_organization)
      w.limit_all(limits);
    else
      w.sarah.configure_scope(limits).value();
    CHECK(create(w.sarah, letters(1001)) == errc::quota_exceeded);
    CHECK(create(w.sarah, letters(1000)) == errc::ok);
    CHECK(create(w.sarah, "x") == errc::quota_exceeded);
    CHECK(w.sarah.show_scope()->bytes == 2 * held);
    CHECK((create(w.tom, "x") == errc::ok) == !in_organization);
  }
}

TEST_CASE("changing a memory counts only what grows", "[quota]") {
  quota_world w;
  auto id = w.sarah.create_memory(draft(letters(1000)))->id;
  quota_changes limits{.memories_max = std::optional<std::uint64_t>{1},
                       .bytes_max = std::optional{w.sarah.show_scope()->bytes}};
  w.limit_all(limits);
  auto update = [&](std::size_t size) {
    memory_patch patch;
    patch.content = letters(size);
    return code_of(w.sarah.update_memory(id, patch));
  };
  CHECK(update(1001) == errc::quota_exceeded);
  CHECK(update(1000) == errc::ok);
  CHECK(update(10) == errc::ok);
  CHECK(update(900) == errc::ok);
  CHECK(w.sarah.restore_memory(id, 1).has_value());
  CHECK(update(10) == errc::ok);
  limits.bytes_max = std::optional{w.sarah.show_scope()->bytes};
  w.limit_all(limits);
  CHECK(w.sarah.restore_memory(id, 1).error().code == errc::quota_exceeded);
  CHECK(w.all().bytes == w.sarah.show_scope()->bytes);
}

TEST_CASE("a key that is used again in a batch is one memory", "[quota]") {
  quota_world w;
  w.limit_all(memories(1));
  auto wanted = draft("first");
  wanted.key = "colour";
  auto again = draft("second");
  again.key = "colour";
  CHECK(w.sarah.create_memories({wanted, again}).has_value());
  CHECK(w.sarah.create_memory(wanted)->revision == 3);
  CHECK(w.all().memories == 1);
  CHECK(w.all().bytes == w.sarah.show_scope()->bytes);
  CHECK(create(w.sarah) == errc::quota_exceeded);
}

TEST_CASE("many at once do not race past a limit", "[quota]") {
  quota_world w;
  w.sarah.configure_scope(memories(10)).value();
  CHECK(create_at_once({w.sarah}, 64) == 10);
  CHECK(w.sarah.show_scope()->memories == 10);
  // Nor those of several scopes, from the first one on, which has them counted.
  w.limit_all(memories(30));
  auto mary = w.acme.client("user_mary").value();
  CHECK(create_at_once({w.tom, mary}, 32) == 20);
  CHECK(w.all().memories == 30);
  CHECK(damages_of(w.opened).empty());
}

TEST_CASE("a limit below what is held refuses growth and nothing else",
          "[quota]") {
  quota_world w;
  std::vector<memory_id> ids;
  for (int i = 0; i < 4; ++i)
    ids.push_back(w.sarah.create_memory(draft(letters(100)))->id);
  for (auto in_organization : {false, true}) {
    if (in_organization)
      w.limit_all({.memories_max = std::optional<std::uint64_t>{0},
                   .bytes_max = std::optional<std::uint64_t>{0}});
    else
      w.sarah.configure_scope(memories(1)).value();
    CHECK(create(w.sarah) == errc::quota_exceeded);
    CHECK(w.sarah.get_memory(ids[0]).has_value());
    CHECK(w.sarah.search_memories({.query = "x"}).has_value());
    memory_patch smaller;
    smaller.content = "x";
    CHECK(w.sarah.update_memory(ids[0], smaller).has_value());
    CHECK(w.sarah.delete_memory(ids.back()).has_value());
    ids.pop_back();
  }
  auto expiring = w.node.time->now() + 1h;
  w.limit_all({.memories_max = std::optional<std::uint64_t>{},
               .bytes_max = std::optional<std::uint64_t>{}});
  w.sarah.configure_scope({.memories_max = std::optional<std::uint64_t>{}})
    .value();
  auto wanted = draft("goes");
  wanted.expires_at = expiring;
  CHECK(w.sarah.create_memory(wanted).has_value());
  w.limit_all(memories(0));
  w.node.time->advance(2h);
  w.opened.sweep();
  CHECK(eventually([&] { return w.all().memories == 2; }));
  CHECK(w.acme.client("user_sarah")->erase_scope().has_value());
  CHECK(w.all().memories == 0);
}

TEST_CASE("limits hold after a restart, and what is held is counted again",
          "[quota]") {
  test_node node;
  {
    auto opened = node.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    acme.configure({.limits = memories(3)}).value();
    acme.client("user_tom")->configure_scope(memories(1)).value();
    CHECK(create(acme.client("user_sarah").value()) == errc::ok);
    CHECK(create(acme.client("user_tom").value()) == errc::ok);
  }
  // A process that was killed has the same files.
  for (auto how : {0, 1}) {
    test_node again{node, how == 0 ? node.files : node.files->after_kill()};
    auto opened = again.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    CHECK(acme.settings()->limits.memories_max == 3u);
    CHECK(create(acme.client("user_tom").value()) == errc::quota_exceeded);
    auto sarah = acme.client("user_sarah").value();
    if (how == 0)
      CHECK(create(sarah) == errc::ok);
    CHECK(create(sarah) == errc::quota_exceeded);
    CHECK(create(acme.client("user_new").value()) == errc::quota_exceeded);
    auto shown = acme.client("user_tom")->show_scope().value();
    CHECK(shown.limits.memories_max == 1u);
    CHECK(shown.organization->memories == 3);
    CHECK(damages_of(opened).empty());
  }
}

TEST_CASE("whoever adds something first after a start waits until all is "
          "counted",
          "[quota]") {
  test_node node;
  auto name_of = [](int i) { return "user_" + std::to_string(i); };
  {
    auto opened = node.open_or_fail();
    auto acme = opened.organization("org_acme").value();
    for (int i = 0; i < 40; ++i)
      CHECK(create(acme.client(name_of(i)).value()) == errc::ok);
    acme.configure({.limits = memories(50)}).value();
  }
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  std::vector<client> who;
  for (int i = 0; i < 8; ++i)
    who.push_back(acme.client(name_of(i * 10)).value());
  CHECK(create_at_once(who, 8) == 10);
  CHECK(acme.client("")->show_scope()->organization->memories == 50);
}

TEST_CASE("the sum is right after an erasure that was interrupted", "[quota]") {
  bool happened = true;
  for (std::uint64_t call = 1; happened; ++call) {
    quota_world w;
    w.limit_all(memories(10));
    CHECK(create(w.sarah) == errc::ok);
    CHECK(create(w.acme.client("user_sarah/agent_a").value()) == errc::ok);
    CHECK(create(w.tom) == errc::ok);
    auto id = w.tom.create_memory(draft("goes"))->id;
    w.node.files->plan(call, fault::fail);
    static_cast<void>(w.sarah.erase_scope());
    w.opened.sweep();
    happened = w.node.files->fault_happened();
    w.node.files->free_up();
    INFO("call " << call);
    CHECK(eventually([&] {
      return code_of(w.tom.delete_memory(id)) != errc::unavailable
             && has_finished_erasures(w.opened);
    }));
    auto listed = w.acme.client("")->list_scopes().value();
    std::uint64_t sum = 0;
    for (const auto& each : listed.scopes)
      sum += each.memories;
    CHECK(w.all().memories == sum);
    REQUIRE(call < 200);
  }
}

TEST_CASE("what failed to be written is not held", "[quota]") {
  for (auto in_organization : {false, true}) {
    quota_world w;
    if (in_organization)
      w.limit_all(memories(2));
    else
      w.sarah.configure_scope(memories(2)).value();
    CHECK(create(w.sarah) == errc::ok);
    w.node.files->plan(1, fault::fail);
    CHECK(create(w.sarah) == errc::unavailable);
    w.node.files->free_up();
    errc outcome = errc::unavailable;
    CHECK(eventually([&] {
      outcome = create(w.sarah);
      return outcome != errc::unavailable && outcome != errc::overloaded;
    }));
    CHECK(outcome == errc::ok);
    CHECK(create(w.sarah) == errc::quota_exceeded);
    CHECK(w.all().memories == 2);
  }
}

TEST_CASE("what failed to be deleted is still held", "[quota]") {
  quota_world w;
  w.limit_all(memories(1));
  auto id = w.sarah.create_memory(draft("stays"))->id;
  CHECK(w.all().memories == 1);
  w.node.files->plan(1, fault::fail);
  CHECK(code_of(w.sarah.delete_memory(id)) == errc::unavailable);
  w.node.files->free_up();
  CHECK(eventually([&] { return create(w.tom) == errc::quota_exceeded; }));
  CHECK(eventually([&] { return w.sarah.delete_memory(id).has_value(); }));
  CHECK(create(w.tom) == errc::ok);
}

TEST_CASE("a scope that crashed is counted once", "[quota]") {
  test_node node;
  std::atomic<bool> failing{false};
  node.options.before_operation
    = [&](const scope& where, auth::operation what) {
        if (failing && where.name() == "user_sarah"
            && what == auth::operation::get_memory)
          throw std::runtime_error("a bug");
      };
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  acme.configure({.limits = memories(3)}).value();
  auto sarah = acme.client("user_sarah").value();
  auto id = sarah.create_memory(draft("kept"))->id;
  failing = true;
  CHECK(sarah.get_memory(id).has_error());
  failing = false;
  CHECK(eventually([&] {
    node.time->advance(1s);
    return sarah.get_memory(id).has_value();
  }));
  CHECK(acme.client("")->show_scope()->organization->memories == 1);
  CHECK(create(sarah) == errc::ok);
  CHECK(create(sarah) == errc::ok);
  CHECK(create(sarah) == errc::quota_exceeded);
}

TEST_CASE("what was erased makes room, and its limits go with it", "[quota]") {
  quota_world w;
  w.limit_all(memories(3));
  w.sarah
    .configure_scope({.memories_max = std::optional<std::uint64_t>{1},
                      .operations_per_second = std::optional<std::uint64_t>{1}})
    .value();
  CHECK(create(w.sarah) == errc::ok);
  CHECK(create(w.acme.client("user_sarah/agent_a").value()) == errc::ok);
  CHECK(create(w.tom) == errc::ok);
  CHECK(create(w.tom) == errc::quota_exceeded);
  w.node.time->advance(1s);
  w.sarah.erase_scope().value();
  CHECK(w.all().memories == 1);
  w.node.time->advance(1s);
  w.sarah.reinstate_scope().value();
  CHECK(create(w.sarah) == errc::ok);
  CHECK(create(w.sarah) == errc::ok);
  CHECK(w.sarah.show_scope()->limits == quota{});
  CHECK(create(w.sarah) == errc::quota_exceeded);
  CHECK(eventually([&] { return has_finished_erasures(w.opened); }));
  CHECK(damages_of(w.opened).empty());
}

// -- sessions --

TEST_CASE("no more sessions are open than a scope or an organization may have",
          "[quota]") {
  quota_world w;
  w.limit_all({.sessions_max = std::optional<std::uint64_t>{3}});
  w.sarah.configure_scope({.sessions_max = std::optional<std::uint64_t>{2}})
    .value();
  auto one = w.sarah.open_session().value();
  auto two = w.sarah.open_session({.resumable = true}).value();
  CHECK(code_of(w.sarah.open_session()) == errc::quota_exceeded);
  CHECK(create(w.acme.client("user_sarah/session_3").value())
        == errc::quota_exceeded);
  auto three = w.tom.open_session().value();
  CHECK(code_of(w.tom.open_session()) == errc::quota_exceeded);
  CHECK(w.sarah.show_scope()->sessions == 2);
  CHECK(w.all().sessions == 3);
  one.close().value();
  CHECK(w.sarah.open_session().has_value());
  CHECK(eventually([&] { return w.sarah.show_scope()->sessions == 1; }));
}

TEST_CASE(
  "memories of sessions are the organization's, for as long as they are "
  "open",
  "[quota]") {
  quota_world w;
  w.limit_all(memories(4));
  for (auto resumable : {false, true}) {
    auto run = w.sarah.open_session({.resumable = resumable}).value();
    CHECK(create(run.memories()) == errc::ok);
    CHECK(create(run.memories()) == errc::ok);
    CHECK(create(w.tom) == errc::ok);
    CHECK(w.all().memories == (resumable ? 4 : 3));
    CHECK((create(run.memories()) == errc::ok) == !resumable);
    run.close().value();
    CHECK(eventually([&] { return w.all().memories == (resumable ? 2 : 1); }));
  }
  CHECK(damages_of(w.opened).empty());
}

TEST_CASE("a session holds no more than its organization lets it", "[quota]") {
  quota_world w;
  w.limit_all({.session_bytes_max = std::optional<std::uint64_t>{2000}});
  for (auto resumable : {false, true}) {
    auto run = w.sarah.open_session({.resumable = resumable}).value();
    CHECK(create(run.memories(), letters(1000)) == errc::ok);
    CHECK(create(run.memories(), letters(1000)) == errc::quota_exceeded);
  }
  CHECK(create(w.sarah, letters(3000)) == errc::ok);
}

// -- who sets them, and who sees them --

TEST_CASE("a key sets limits below its root and not its own", "[quota]") {
  quota_world w;
  auto key = w.acme.create_key({.root = "user_sarah"}).value();
  auto sarah = w.opened.client(key).value();
  w.sarah.configure_scope(memories(1)).value();
  CHECK(create(sarah) == errc::ok);
  CHECK(sarah.configure_scope(memories(100)).error().code == errc::forbidden);
  CHECK(create(sarah) == errc::quota_exceeded);
  auto agent = w.opened.client(key, "agent_a").value();
  CHECK(agent.configure_scope(memories(1)).has_value());
  CHECK(create(agent) == errc::ok);
  CHECK(create(agent) == errc::quota_exceeded);
  // A key that is made of it, or narrowed, is no way around.
  auto made = sarah.create_key({.root = "agent_a"}).value();
  CHECK(w.opened.client(made)->configure_scope(memories(5)).error().code
        == errc::forbidden);
  auto narrowed = narrow_key(key.api_key, {.scope = "agent_a"}).value();
  CHECK(w.opened.client(narrowed)->configure_scope(memories(5)).error().code
        == errc::forbidden);
  // Whoever is above does.
  auto root = w.acme.create_key({}).value();
  CHECK(w.opened.client(root, "user_sarah")
          ->configure_scope(memories(2))
          .has_value());
  CHECK(create(sarah) == errc::ok);
  auto company = w.opened.client(root).value();
  CHECK(company.configure_scope(memories(5)).error().code == errc::forbidden);
  CHECK(w.acme.client("")->configure_scope(memories(5)).error().code
        == errc::invalid_argument);
  // The trail tells of it.
  audit_options options;
  options.operation = "scope.configure";
  auto told = w.sarah.list_audit(options)->results;
  REQUIRE(told.size() == 2);
  CHECK(told[0].reason == "memories_max 2");
  options.outcome = "forbidden";
  CHECK(company.list_audit(options)->results.size() == 4);
}

TEST_CASE("limits that make no sense are refused", "[quota]") {
  quota_world w;
  auto some = std::optional<std::uint64_t>{1};
  CHECK(w.sarah.configure_scope({.session_bytes_max = some}).error().code
        == errc::invalid_argument);
  CHECK(w.sarah.configure_scope({.operations_burst = some}).error().code
        == errc::invalid_argument);
  CHECK(w.sarah
          .configure_scope(
            {.operations_per_second = std::optional<std::uint64_t>{0}})
          .error()
          .code
        == errc::invalid_argument);
  auto run = w.sarah.open_session().value();
  CHECK(run.memories().configure_scope(memories(1)).error().code
        == errc::invalid_argument);
  CHECK(w.acme.client("user_sarah/session_none")
          ->configure_scope(memories(1))
          .error()
          .code
        == errc::not_found);
}

TEST_CASE("usage and limits are shown to whoever may see them", "[quota]") {
  quota_world w;
  CHECK(create(w.sarah) == errc::ok);
  CHECK(create(w.tom) == errc::ok);
  w.limit_all(memories(10));
  w.sarah.configure_scope(memories(5)).value();
  auto key = w.acme.create_key({.root = "user_sarah"}).value();
  auto own = w.opened.client(key)->show_scope().value();
  CHECK(own.memories == 1);
  CHECK(own.limits.memories_max == 5u);
  CHECK_FALSE(own.organization.has_value());
  auto root = w.acme.create_key({}).value();
  auto seen = w.opened.client(root, "user_sarah")->show_scope().value();
  REQUIRE(seen.organization.has_value());
  CHECK(seen.organization->memories == 2);
  CHECK(seen.organization->limits.memories_max == 10u);
}

TEST_CASE("configuring completes by its handler", "[quota]") {
  quota_world w;
  std::promise<std::optional<std::uint64_t>> done;
  w.sarah.configure_scope(memories(7), [&](result<quota> outcome) {
    done.set_value(outcome.value().memories_max);
  });
  CHECK(done.get_future().get() == 7u);
}

// -- the sum itself --

TEST_CASE("a sum is right whoever wakes, sleeps, grows or goes meanwhile",
          "[quota]") {
  using engine::usage;
  engine::organization_usage all;
  auto tag = [](std::uint8_t n) {
    persistence::scope_tag out{};
    out[7] = n;
    return out;
  };
  // 1 is awake all the time, 2 wakes before it is visited and sleeps again, 3
  // wakes after it, 4 sleeps through it, 5 is new, 6 ends.
  all.enter(tag(1), 1, {10, 100});
  all.enter(tag(6), 6, {50, 500});
  auto done = all.count([&](const auto& visit) -> result<void> {
    CHECK(all.is_counting());
    all.enter(tag(2), 2, {20, 200});
    all.change(tag(2), {1, 10});
    all.leave(tag(2), 2, true);
    visit(tag(2), {20, 200});
    visit(tag(1), {9, 90});
    visit(tag(3), {30, 300});
    all.enter(tag(3), 3, {30, 300});
    all.change(tag(3), {-1, -10});
    visit(tag(4), {40, 400});
    all.enter(tag(5), 5, {});
    all.change(tag(5), {5, 50});
    all.enter(tag(2), 7, {21, 210});
    all.end(tag(6), 6);
    return {};
  });
  CHECK(done.has_value());
  CHECK(all.is_counted());
  CHECK(all.total() == usage{105, 1050});
  // One that is destroyed late does not take the share of the next.
  all.enter(tag(1), 8, {10, 100});
  all.leave(tag(1), 1, true);
  all.change(tag(1), {1, 10});
  CHECK(all.total() == usage{106, 1060});
  all.forget_sum();
  CHECK_FALSE(all.is_counted());
  // Shares are what they were: 1, 2, 3 and 5 are awake.
  CHECK(all.count([](const auto&) { return result<void>{}; }).has_value());
  CHECK(all.total() == usage{66, 660});
}

TEST_CASE("an erasure makes a sum that is being counted void", "[quota]") {
  engine::organization_usage all;
  persistence::scope_tag one{1};
  int rounds = 0;
  auto done = all.count([&](const auto& visit) -> result<void> {
    visit(one, {rounds == 0 ? 10 : 3, 30});
    if (rounds++ == 0)
      all.forget({7, 70});
    return {};
  });
  CHECK(done.has_value());
  CHECK(rounds == 2);
  CHECK(all.total() == engine::usage{3, 30});
  auto failed = all.count([](const auto&) { return result<void>{}; });
  CHECK(failed.has_value());
}

TEST_CASE("a sum that could not be counted is counted the next time",
          "[quota]") {
  engine::organization_usage all;
  auto failed = all.count([](const auto&) -> result<void> {
    return error{errc::unavailable, "the disk"};
  });
  CHECK(failed.error().code == errc::unavailable);
  CHECK_FALSE(all.is_counting());
  CHECK(all.count([](const auto&) { return result<void>{}; }).has_value());
  CHECK(all.is_counted());
}
