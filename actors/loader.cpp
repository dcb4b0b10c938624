// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/loader.hpp"

#include <deque>

#include <caf/all.hpp>

#include "actors/step_driver.hpp"

namespace cloister::actors {

namespace {

struct worker_state {
  static inline const char* name = "cloister.loader_worker";
};

loader_worker::behavior_type
worker_behavior(loader_worker::stateful_pointer<worker_state> self,
                const loader_actor& loader, std::size_t number) {
  silence(self);
  return {
    [self, weak = caf::actor_cast<caf::actor_addr>(loader),
     number](const load_job& job) {
      // Engines answer with results; what still throws must not end a thread.
      try {
        (*job.work)();
      } catch (...) { // NOLINT(bugprone-empty-catch)
      }
      if (auto loader_again = caf::actor_cast<loader_actor>(weak))
        self->send(loader_again, loader_idle{number});
      return load_done{};
    },
  };
}

struct loader_state {
  static inline const char* name = "cloister.loader";

  struct waiting_job {
    load_job job;
    caf::typed_response_promise<load_done> promise;
  };
  std::vector<loader_worker> workers;
  std::vector<std::size_t> idle;
  std::deque<waiting_job> waiting;
};

using loader_self = loader_actor::stateful_pointer<loader_state>;

caf::result<load_done> hand_out(loader_self self, const load_job& job) {
  auto& state = self->state;
  auto promise = self->make_response_promise<load_done>();
  if (state.idle.empty()) {
    state.waiting.push_back({job, promise});
    return promise;
  }
  auto worker = state.idle.back();
  state.idle.pop_back();
  return promise.delegate(state.workers[worker], job);
}

void hand_out_next(loader_self self, std::size_t worker) {
  auto& state = self->state;
  if (state.waiting.empty()) {
    state.idle.push_back(worker);
    return;
  }
  auto next = std::move(state.waiting.front());
  state.waiting.pop_front();
  next.promise.delegate(state.workers[worker], next.job);
}

loader_actor::behavior_type loader_behavior(loader_self self,
                                            std::size_t threads) {
  silence(self);
  for (std::size_t i = 0; i < threads; ++i) {
    self->state.workers.push_back(
      self->spawn<caf::detached + caf::linked>(worker_behavior,
                                               loader_actor{self}, i));
    self->state.idle.push_back(i);
  }
  return {
    [self](const load_job& job) { return hand_out(self, job); },
    [self](const loader_idle& free) { hand_out_next(self, free.worker); },
  };
}

} // namespace

loader_actor spawn_loader(caf::actor_system& system, std::size_t threads) {
  return system.spawn(loader_behavior, threads);
}

} // namespace cloister::actors
