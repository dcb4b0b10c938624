// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Whoever follows a scope and applies what is told to an older state has the
// newest one: from every position, over restarts and lost writes.

#include <map>
#include <random>

#include <catch2/catch.hpp>

#include "runtime/event_stream.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

/// What a follower knows: revisions by id.
using known_state = std::map<memory_id, std::uint32_t>;

known_state state_of(const client& bound) {
  known_state out;
  list_options options;
  options.limit = limits::page_results_max;
  do {
    auto page = bound.list_memories(options).value();
    for (const auto& each : page.results)
      out[each.memory.id] = each.memory.revision;
    options.cursor = page.cursor;
  } while (options.cursor);
  return out;
}

void apply(const memory_event& event, known_state& to) {
  switch (event.kind) {
    case event_kind::created:
    case event_kind::updated:
      to[*event.id] = event.revision;
      break;
    case event_kind::deleted:
    case event_kind::expired:
      if (event.id)
        to.erase(*event.id);
      else
        to.clear();
      break;
    default:
      break;
  }
}

/// All that happened since, and where that ends.
event_page events_since(const client& bound,
                        std::optional<event_position> after) {
  auto stream = bound.follow_events(after, [] {});
  event_page out;
  do {
    auto page = stream.next().value();
    out.events.insert(out.events.end(), page.events.begin(), page.events.end());
    out.next = page.next;
    out.more = page.more;
  } while (out.more);
  return out;
}

class random_life {
public:
  random_life(test_node& node, std::uint64_t from)
    : node_(node), random_(from) {}

  void step(const client& bound) {
    auto names = state_of(bound);
    auto pick = [&]() -> std::optional<memory_id> {
      if (names.empty())
        return std::nullopt;
      return std::next(names.begin(), below(names.size()))->first;
    };
    switch (below(9)) {
      case 0:
      case 1:
        static_cast<void>(bound.create_memory(made()));
        break;
      case 2: {
        std::vector<memory_draft> batch;
        for (auto left = below(5) + 1; left > 0; --left)
          batch.push_back(made());
        static_cast<void>(bound.create_memories(std::move(batch)));
        break;
      }
      case 3:
        if (auto id = pick()) {
          memory_patch patch;
          patch.content = "another text";
          static_cast<void>(bound.update_memory(*id, patch));
        }
        break;
      case 4:
        if (auto id = pick())
          static_cast<void>(bound.delete_memory(*id));
        break;
      case 5:
        node_.time->advance(std::chrono::seconds{below(40)});
        break;
      case 6:
        if (below(4) == 0)
          static_cast<void>(bound.delete_all_memories());
        break;
      case 7:
        if (auto id = pick())
          static_cast<void>(bound.restore_memory(*id, 1));
        break;
      default:
        static_cast<void>(bound.search_memories({.query = "text"}));
    }
  }

  std::ptrdiff_t below(std::size_t bound) {
    return static_cast<std::ptrdiff_t>(random_() % bound);
  }

private:
  memory_draft made() {
    auto out = draft("text " + std::to_string(below(1000)));
    if (below(3) == 0)
      out.key = "key-" + std::to_string(below(4));
    if (below(4) == 0)
      out.expires_at = node_.time->now() + std::chrono::seconds{below(60) + 1};
    if (below(4) == 0)
      out.idempotency_key = "once-" + std::to_string(below(3));
    return out;
  }

  test_node& node_;
  std::mt19937_64 random_;
};

/// Removes what is due, so that no reader hides what no event has told yet.
void settle(const runtime& opened, const client& bound,
            std::size_t live_records) {
  CHECK(eventually([&] {
    opened.sweep();
    auto shown = bound.show_scope();
    return !shown || shown->memories == live_records;
  }));
}

} // namespace

TEST_CASE("events lead from every earlier state to the newest", "[events]") {
  auto lives = long_mode() ? 200 : 12;
  for (int life = 0; life < lives; ++life) {
    INFO("life " << life);
    test_node node;
    std::optional<runtime> opened{node.open_or_fail()};
    random_life random{node, seed() + static_cast<std::uint64_t>(life)};
    auto bind = [&] {
      return opened->organization("org_acme")->client("user_a").value();
    };
    // What somebody knew at some times, and up to where.
    std::vector<std::pair<event_position, known_state>> before;
    before.emplace_back(event_position{}, known_state{});
    for (int i = 0; i < 40; ++i) {
      if (random.below(12) == 0)
        open_again(node, opened);
      auto bound = bind();
      random.step(bound);
      if (random.below(3) != 0)
        continue;
      auto now = state_of(bound);
      settle(*opened, bound, now.size());
      before.emplace_back(events_since(bound, std::nullopt).next, now);
    }
    auto bound = bind();
    auto newest = state_of(bound);
    settle(*opened, bound, newest.size());
    for (const auto& [at, state] : before) {
      auto known = state;
      for (const auto& event : events_since(bound, at).events)
        apply(event, known);
      CHECK(known == newest);
    }
    CHECK(opened->verify_all().value().intact);
  }
}

TEST_CASE("each event's position goes on right behind it", "[events]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto bound = opened.organization("org_acme")->client("user_a").value();
  auto one = draft("x");
  one.key = "k";
  bound.create_memory(one).value();
  bound.create_memories({draft("a"), one, draft("b"), draft("c")}).value();
  bound.get_memory(bound.list_memories()->results.front().memory.id).value();
  bound.delete_all_memories().value();
  auto all = events_since(bound, event_position{}).events;
  REQUIRE(all.size() == 6);
  CHECK(all[2].kind == event_kind::updated);
  CHECK(all[2].revision == 2);
  CHECK(all[5].count == 4);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto rest = events_since(bound, all[i].next).events;
    CHECK(rest
          == std::vector<memory_event>(
            all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end()));
    CHECK(parse_event_position(to_string(all[i].next)).value() == all[i].next);
  }
}

TEST_CASE("positions are read as they are written, and nothing else is",
          "[events]") {
  CHECK(parse_event_position("17").value() == event_position{17, 0});
  CHECK(parse_event_position("17.3").value() == event_position{17, 3});
  for (auto text : {"", "x", "1.", ".1", "1.2.3", "-1", "1 ", " 1", "1.-2",
                    "99999999999999999999", "1.99999999999"})
    CHECK(parse_event_position(text).error().code == errc::invalid_argument);
}

TEST_CASE("who follows is woken, and by no other scope", "[events]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  auto bound = acme.client("user_a").value();
  std::atomic<int> woken{0};
  auto stream = bound.follow_events(std::nullopt, [&] { ++woken; });
  CHECK(stream.next()->events.empty());
  acme.client("user_b")->create_memory(draft("x")).value();
  acme.client("user_a/agent_a")->create_memory(draft("x")).value();
  CHECK(woken == 0);
  // Not there before: all of it is new.
  auto made = bound.create_memory(draft("x")).value();
  CHECK(eventually([&] { return woken > 0; }));
  auto page = stream.next().value();
  REQUIRE(page.events.size() == 1);
  CHECK(page.events.front().id == made.id);
  CHECK(stream.next()->events.empty());
}

TEST_CASE("what was pruned cannot be followed, and that is told", "[events]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto bound = opened.organization("org_acme")->client("user_a").value();
  bound.create_memory(draft("x")).value();
  auto at = events_since(bound, std::nullopt).next;
  bound.create_memory(draft("y")).value();
  node.time->advance(1h);
  opened.prune_audit("org_acme/user_a", node.time->now()).value();
  auto page = events_since(bound, event_position{});
  REQUIRE(page.events.size() == 1);
  CHECK(page.events.front().kind == event_kind::reset);
  CHECK(page.next >= at);
  // From another store, or from before an older backup was restored.
  auto ahead = events_since(bound, event_position{1000, 0});
  REQUIRE(ahead.events.size() == 1);
  CHECK(ahead.events.front().kind == event_kind::reset);
  bound.create_memory(draft("z")).value();
  CHECK(events_since(bound, ahead.next).events.size() == 1);
}

TEST_CASE("a scope that is gone ends what follows it, and tells above",
          "[events]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto bound = opened.organization("org_acme")->client("user_a").value();
  bound.create_memory(draft("x")).value();
  for (auto resumable : {true, false}) {
    auto above_before = events_since(bound, std::nullopt).next;
    auto session = bound.open_session({.resumable = resumable}).value();
    session->create_memory(draft("y")).value();
    std::atomic<int> woken{0};
    std::atomic<int> woken_above{0};
    auto stream = session->follow_events(std::nullopt, [&] { ++woken; });
    auto above = bound.follow_events(std::nullopt, [&] { ++woken_above; });
    stream.next().value();
    session.close().value();
    CHECK(eventually([&] { return woken > 0 && woken_above > 0; }));
    CHECK(stream.next().error().code == errc::erased);
    auto told = events_since(bound, above_before).events;
    REQUIRE(told.size() == 1);
    CHECK(told.front().kind == event_kind::session_ended);
    CHECK(told.front().session.size() == 32);
  }
}

TEST_CASE("who may not read is not told", "[events]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  acme.client("user_a")->create_memory(draft("x")).value();
  auto key
    = acme.create_key({.root = "user_a", .permissions = permissions::read})
        .value();
  auto other
    = acme.create_key({.root = "user_b", .permissions = permissions::read})
        .value();
  auto writer
    = acme.create_key({.root = "user_a", .permissions = permissions::write})
        .value();
  CHECK(opened.client(writer)
          ->follow_events(event_position{}, [] {})
          .next()
          .error()
          .code
        == errc::forbidden);
  CHECK(opened.client(other, "user_b")
          ->follow_events(event_position{}, [] {})
          .next()
          ->events.empty());
  auto stream = opened.client(key)->follow_events(event_position{}, [] {});
  CHECK(stream.next()->events.size() == 1);
  acme.client("")->revoke_key(key.info.key_id).value();
  CHECK(stream.next().error().code == errc::unauthenticated);
}

TEST_CASE("following is told by the trail once", "[events]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto bound = opened.organization("org_acme")->client("user_a").value();
  bound.create_memory(draft("x")).value();
  auto stream = bound.follow_events(event_position{}, [] {});
  for (int i = 0; i < 5; ++i)
    stream.next().value();
  CHECK(bound.list_audit({.operation = "events.follow"})->results.size() == 1);
}

TEST_CASE("a memory is found by its id within the key's root alone",
          "[events]") {
  test_node node;
  auto opened = node.open_or_fail();
  auto acme = opened.organization("org_acme").value();
  auto a = acme.client("user_a/agent_x").value();
  auto made = a.create_memory(draft("x")).value();
  auto own = acme.client("")->create_memory(draft("own")).value();
  auto other = opened.organization("org_beta")
                 ->client("user_a")
                 ->create_memory(draft("x"))
                 .value();
  CHECK(acme.client("")->find_holders(made.id).value()
        == std::vector<scope>{a.bound_to()});
  CHECK(acme.client("")->find_holders(own.id).value()
        == std::vector<scope>{acme.client("")->bound_to()});
  CHECK(acme.client("user_a")->find_holders(made.id)->size() == 1);
  CHECK(acme.client("user_b")->find_holders(made.id)->empty());
  CHECK(acme.client("")->find_holders(other.id)->empty());
  auto names = acme.client("")->find_scopes().value();
  CHECK(names.size() == 3);
  CHECK(names.front() == acme.client("")->bound_to());
  auto everywhere = acme.client("")->list_memories({.found_scopes = names});
  CHECK(everywhere->results.size() == 2);
}
