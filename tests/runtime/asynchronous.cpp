// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include <caf/all.hpp>

#include "runtime/caf.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

/// Counts outcomes, and waits until all have come.
class latch {
public:
  void expect(std::size_t count = 1) {
    std::lock_guard guard{mutex_};
    expected_ += count;
  }
  void arrive() {
    std::lock_guard guard{mutex_};
    ++arrived_;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return arrived_ >= expected_; });
  }
  std::size_t arrived() {
    std::lock_guard guard{mutex_};
    return arrived_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t expected_ = 0;
  std::size_t arrived_ = 0;
};

caf::actor_system_config& sharing(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("sharing"));
  return config;
}

/// A node whose runtimes join the program's own actor system.
struct lent_system {
  lent_system() {
    node.options.system = &system;
  }
  caf::actor_system_config config;
  caf::actor_system system{sharing(config)};
  test_node node;
};

} // namespace

TEST_CASE("calls complete by their handlers", "[runtime][async]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  latch done;
  std::vector<result<memory>> outcomes;
  std::mutex mutex;
  constexpr std::size_t count = 200;
  done.expect(count);
  for (std::size_t i = 0; i < count; ++i)
    sarah.create_memory(draft("memory " + std::to_string(i)),
                        [&](result<memory> made) {
                          {
                            std::lock_guard guard{mutex};
                            outcomes.push_back(std::move(made));
                          }
                          done.arrive();
                        });
  done.wait();
  CHECK(std::all_of(outcomes.begin(), outcomes.end(),
                    [](const auto& each) { return each.has_value(); }));
  CHECK(sarah.list_memories({.limit = 1000})->results.size() == count);
}

TEST_CASE("a handler may start calls, and must not wait for any",
          "[runtime][async]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  latch done;
  done.expect();
  errc blocking = errc::ok;
  std::size_t found = 0;
  sarah.create_memory(draft("dark mode"), [&](result<memory> made) {
    auto waited = sarah.get_memory(made->id);
    blocking = waited ? errc::ok : waited.error().code;
    sarah.search_memories({.query = "dark"}, [&](result<search_results> hits) {
      found = hits->results.size();
      done.arrive();
    });
  });
  done.wait();
  CHECK(blocking == errc::invalid_argument);
  CHECK(found == 1);
}

TEST_CASE("what a handler throws harms nobody", "[runtime][async]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  for (int i = 0; i < 20; ++i)
    sarah.create_memory(
      draft("x"), [](result<memory>) { throw std::runtime_error{"handler"}; });
  sarah.create_memory(draft("no handler at all"), nullptr);
  CHECK(sarah.create_memory(draft("y")).has_value());
}

TEST_CASE("errors come by handler as they come by value", "[runtime][async]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key
    = acme.create_key({.root = "user_sarah", .permissions = permissions::read});
  auto sarah = runtime.client(*key).value();
  latch done;
  done.expect(4);
  std::map<std::string, errc> codes;
  std::mutex mutex;
  auto note = [&](std::string name, auto outcome) {
    {
      std::lock_guard guard{mutex};
      codes[name] = outcome ? errc::ok : outcome.error().code;
    }
    done.arrive();
  };
  sarah.create_memory(draft("x"), [&](auto r) { note("create", r); });
  sarah.get_memory({}, [&](auto r) { note("get", r); });
  sarah.search_memories({.query = ""}, [&](auto r) { note("search", r); });
  runtime.client("cloister_nonsense", "", [&](auto r) { note("bind", r); });
  done.wait();
  CHECK(codes["create"] == errc::forbidden);
  CHECK(codes["get"] == errc::not_found);
  CHECK(codes["search"] == errc::invalid_argument);
  CHECK(codes["bind"] == errc::unauthenticated);
}

TEST_CASE("the last handle may be dropped while calls are on their way",
          "[runtime][async]") {
  test_node node;
  latch done;
  constexpr std::size_t count = 50;
  done.expect(count);
  {
    auto runtime = node.open_or_fail();
    auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
    for (std::size_t i = 0; i < count; ++i)
      sarah.create_memory(draft("kept"), [&done, sarah](result<memory> made) {
        if (made)
          done.arrive();
      });
  }
  done.wait();
  // It ends in the background; who comes too early is told.
  result<runtime> again = node.open();
  while (again.has_error()) {
    REQUIRE(again.error().code == errc::unavailable);
    std::this_thread::yield();
    again = node.open();
  }
  auto sarah = again->organization("org_acme")->client("user_sarah").value();
  CHECK(sarah.list_memories({.limit = 1000})->results.size() == count);
}

TEST_CASE("one thread may open a runtime and another close it",
          "[runtime][async]") {
  test_node node;
  // The opener lives on, with whatever CAF has left in it.
  std::optional<runtime> opened = node.open_or_fail();
  opened->organization("org_acme").value();
  std::thread{[&] { opened.reset(); }}.join();
  CHECK(node.open().has_value());
}

TEST_CASE("calls in flight survive scopes that go to sleep and come back",
          "[runtime][async]") {
  test_node node;
  // Idle at once, and no room for many.
  node.options.idle_after = std::chrono::milliseconds{1};
  node.options.memory_budget_bytes = 200'000;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  constexpr std::size_t scopes = 24;
  std::vector<client> clients;
  for (std::size_t i = 0; i < scopes; ++i)
    clients.push_back(acme.client("user_" + std::to_string(i)).value());
  std::mt19937 random{static_cast<unsigned>(seed())};
  INFO("CLOISTER_TEST_SEED=" << seed());
  std::mutex mutex;
  std::vector<std::size_t> stored(scopes);
  std::size_t wrong = 0;
  for (int round = 0; round < 60; ++round) {
    latch done;
    for (int i = 0; i < 40; ++i) {
      auto which = random() % scopes;
      done.expect();
      auto check = [&](bool fine) {
        {
          std::lock_guard guard{mutex};
          wrong += fine ? 0u : 1u;
        }
        done.arrive();
      };
      if (random() % 2 == 0)
        clients[which].create_memory(
          draft("note of user " + std::to_string(which)),
          [&, which, check](result<memory> made) {
            if (made) {
              std::lock_guard guard{mutex};
              ++stored[which];
            }
            check(made.has_value());
          });
      else
        clients[which].search_memories(
          {.query = "note", .limit = 1000},
          [&, which, check](result<search_results> found) {
            auto fine = found.has_value();
            if (found)
              for (const auto& hit : found->results)
                fine = fine
                       && hit.memory.content
                            == "note of user " + std::to_string(which);
            check(fine);
          });
      // Sleepers are looked for by the clock.
      node.time->advance(std::chrono::milliseconds{5});
    }
    done.wait();
  }
  CHECK(wrong == 0);
  for (std::size_t i = 0; i < scopes; ++i)
    CHECK(clients[i].list_memories({.limit = 1000})->results.size()
          == stored[i]);
}

TEST_CASE("a program's own actor system can be joined", "[runtime][async]") {
  lent_system lent;
  for (int i = 0; i < 3; ++i) {
    auto runtime = lent.node.open_or_fail();
    auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
    CHECK(sarah.create_memory(draft("x")).has_value());
    CHECK(sarah.list_memories()->results.size()
          == static_cast<std::size_t>(i) + 1);
  }
}

TEST_CASE("actors talk to a client by message", "[runtime][async]") {
  lent_system lent;
  auto& system = lent.system;
  auto runtime = lent.node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto key
    = acme.create_key({.root = "user_sarah",
                       .permissions = permissions::read | permissions::write});
  auto memories = spawn_client(system, runtime.client(*key).value());
  caf::scoped_actor self{system};
  auto ask = [&](auto message, auto on_value) {
    errc out = errc::ok;
    self->request(memories, caf::infinite, std::move(message))
      .receive(on_value, [&](const caf::error& failure) {
        out = to_error(failure).code;
        CHECK_FALSE(to_error(failure).detail.empty());
      });
    return out;
  };
  memory_id id;
  CHECK(ask(create_memory{draft("likes tea")},
            [&](const memory& made) {
              id = made.id;
              CHECK(made.content == "likes tea");
            })
        == errc::ok);
  CHECK(
    ask(search_memory{{.query = "tea"}},
        [&](const search_results& found) { CHECK(found.results.size() == 1); })
    == errc::ok);
  memory_patch patch;
  patch.content = "likes coffee";
  CHECK(ask(update_memory{id, patch, 1},
            [](const memory& now) { CHECK(now.revision == 2); })
        == errc::ok);
  CHECK(ask(update_memory{id, patch, 1}, [](const memory&) {})
        == errc::conflict);
  CHECK(ask(memory_history{id},
            [](const memory_batch& all) { CHECK(all.memories.size() == 2); })
        == errc::ok);
  CHECK(ask(get_memory{}, [](const memory&) {}) == errc::not_found);
  CHECK(ask(delete_memory{id, {}}, [](const deleted_count&) {})
        == errc::forbidden);
  CHECK(ask(list_memory{},
            [](const memory_list& list) { CHECK(list.results.size() == 1); })
        == errc::ok);
  // The bridge ends with its last handle; the runtime can then be closed.
  caf::anon_send_exit(memories, caf::exit_reason::user_shutdown);
  memories = nullptr;
}

TEST_CASE("a client's actor that ends answers what was asked of it",
          "[runtime][async]") {
  lent_system lent;
  auto runtime = lent.node.open_or_fail();
  auto bound = runtime.organization("org_acme")->client("user_sarah").value();
  caf::scoped_actor self{lent.system};
  for (int round = 0; round < 50; ++round) {
    auto memories = spawn_client(lent.system, bound);
    auto asked
      = self->request(memories, caf::infinite, create_memory{draft("x")});
    caf::anon_send_exit(memories, caf::exit_reason::user_shutdown);
    bool answered = false;
    asked.receive([&](const memory&) { answered = true; },
                  [&](const caf::error&) { answered = true; });
    CHECK(answered);
  }
}

TEST_CASE("event-based actors are told not to block, and do not hang",
          "[runtime][async]") {
  lent_system lent;
  auto runtime = lent.node.open_or_fail();
  auto bound = runtime.organization("org_acme")->client("user_sarah").value();
  latch done;
  constexpr std::size_t actors = 32;
  constexpr std::size_t calls = 20;
  done.expect(actors);
  std::atomic<std::size_t> refused{0};
  for (std::size_t i = 0; i < actors; ++i)
    lent.system.spawn([&](caf::event_based_actor*) {
      for (std::size_t call = 0; call < calls; ++call) {
        auto made = bound.create_memory(draft("blocking"));
        if (made.has_error() && made.error().code == errc::invalid_argument)
          ++refused;
      }
      done.arrive();
    });
  done.wait();
  CHECK(refused > 0);
  // Detached actors have a thread of their own.
  done.expect();
  lent.system.spawn<caf::detached>([&](caf::event_based_actor*) {
    CHECK(bound.create_memory(draft("detached")).has_value());
    done.arrive();
  });
  done.wait();
}
