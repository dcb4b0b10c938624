// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/loader.hpp"

#include <future>
#include <mutex>

#include <caf/all.hpp>
#include <catch2/catch.hpp>

#include "actors/messages.hpp"

using namespace cloister::actors;

namespace {

/// Loaders with two workers, of which one at most does what is heavy.
struct two_workers {
  caf::actor_system_config config;
  caf::actor_system system{config};
  loader_actor loaders = spawn_loader(system, 2);
  caf::scoped_actor self{system};
  std::mutex mutex;
  std::vector<std::uint64_t> order;
  std::size_t asked = 0;

  void ask(std::uint64_t owner, std::function<void()> work, bool heavy) {
    auto job = std::make_shared<std::function<void()>>(
      [this, owner, work = std::move(work)] {
        if (work)
          work();
        std::lock_guard guard{mutex};
        order.push_back(owner);
      });
    self->send(loaders, load_job{job, heavy, owner});
    ++asked;
  }

  void wait() {
    for (; asked > 0; --asked)
      self->receive([](const load_done&) {},
                    [](const caf::error&) { FAIL("a job failed"); });
  }

  ~two_workers() {
    caf::anon_send_exit(loaders, caf::exit_reason::user_shutdown);
  }
};

} // namespace

TEST_CASE("many heavy jobs of one owner delay another's by one", "[actors]") {
  two_workers parts;
  std::promise<void> all_asked;
  auto begin = all_asked.get_future().share();
  parts.ask(
    1, [begin] { begin.wait(); }, true);
  for (int i = 0; i < 20; ++i)
    parts.ask(1, {}, true);
  parts.ask(2, {}, true);
  parts.ask(3, {}, true);
  // Light ones pass by meanwhile.
  parts.ask(4, {}, false);
  parts.self->receive([](const load_done&) {});
  --parts.asked;
  all_asked.set_value();
  parts.wait();
  auto place = [&](std::uint64_t owner) {
    return std::find(parts.order.begin(), parts.order.end(), owner)
           - parts.order.begin();
  };
  CHECK(parts.order.front() == 4);
  CHECK(place(2) <= 3);
  CHECK(place(3) <= 4);
  CHECK(parts.order.size() == 24);
}

TEST_CASE("a job that throws has no answer", "[actors]") {
  two_workers parts;
  auto job
    = std::make_shared<std::function<void()>>([] { throw std::bad_alloc{}; });
  parts.self->request(parts.loaders, caf::infinite, load_job{job})
    .receive([](const load_done&) { FAIL("half an answer"); },
             [](const caf::error&) { SUCCEED(); });
  parts.ask(1, {}, true);
  parts.wait();
}
