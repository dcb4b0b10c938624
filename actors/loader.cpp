// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/loader.hpp"

#include <algorithm>
#include <deque>
#include <map>

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
     number](const load_job& job) -> caf::result<load_done> {
      // Engines answer with results; what still throws must not end a thread,
      // nor may half of an answer pass for the whole.
      bool whole = false;
      try {
        (*job.work)();
        whole = true;
      } catch (...) { // NOLINT(bugprone-empty-catch)
      }
      if (auto loader_again = caf::actor_cast<loader_actor>(weak))
        self->send(loader_again, loader_idle{number});
      if (!whole)
        return caf::make_error(caf::sec::runtime_error);
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
  /// What each worker does is heavy.
  std::vector<bool> heavy;
  std::deque<waiting_job> waiting;
  /// Heavy jobs wait apart: one worker is always left to the others. Those that
  /// have some take turns, so that many of one delay another's by one.
  std::map<std::uint64_t, std::deque<waiting_job>> waiting_heavy;
  std::deque<std::uint64_t> turns;
  std::vector<caf::typed_response_promise<load_done>> draining;

  bool is_drained() const {
    return idle.size() == workers.size() && waiting.empty()
           && waiting_heavy.empty();
  }

  bool may_start_heavy() const {
    auto busy = std::count(heavy.begin(), heavy.end(), true);
    return static_cast<std::size_t>(busy) + 1
           < std::max<std::size_t>(workers.size(), 2);
  }
};

using loader_self = loader_actor::stateful_pointer<loader_state>;

loader_state::waiting_job next_heavy(loader_state& state) {
  auto owner = state.turns.front();
  state.turns.pop_front();
  auto& jobs = state.waiting_heavy[owner];
  auto next = std::move(jobs.front());
  jobs.pop_front();
  if (jobs.empty())
    state.waiting_heavy.erase(owner);
  else
    state.turns.push_back(owner);
  return next;
}

void add_heavy(loader_state& state, loader_state::waiting_job job) {
  auto owner = job.job.owner;
  auto& jobs = state.waiting_heavy[owner];
  if (jobs.empty())
    state.turns.push_back(owner);
  jobs.push_back(std::move(job));
}

void give(loader_self self, loader_state::waiting_job next) {
  auto& state = self->state;
  auto worker = state.idle.back();
  state.idle.pop_back();
  state.heavy[worker] = next.job.heavy;
  next.promise.delegate(state.workers[worker], next.job);
}

/// Gives idle workers what waits, in order, heavy jobs last.
void give_out(loader_self self) {
  auto& state = self->state;
  while (!state.idle.empty()) {
    if (!state.waiting.empty()) {
      auto next = std::move(state.waiting.front());
      state.waiting.pop_front();
      give(self, std::move(next));
    } else if (!state.turns.empty() && state.may_start_heavy()) {
      give(self, next_heavy(state));
    } else {
      return;
    }
  }
}

caf::result<load_done> hand_out(loader_self self, const load_job& job) {
  auto& state = self->state;
  auto promise = self->make_response_promise<load_done>();
  if (job.heavy)
    add_heavy(state, {job, promise});
  else
    state.waiting.push_back({job, promise});
  give_out(self);
  return promise;
}

void hand_out_next(loader_self self, std::size_t worker) {
  auto& state = self->state;
  state.heavy[worker] = false;
  state.idle.push_back(worker);
  give_out(self);
  if (state.is_drained())
    for (auto& waiting : std::exchange(state.draining, {}))
      waiting.deliver(load_done{});
}

caf::result<load_done> drain(loader_self self) {
  auto promise = self->make_response_promise<load_done>();
  if (self->state.is_drained())
    promise.deliver(load_done{});
  else
    self->state.draining.push_back(promise);
  return promise;
}

loader_actor::behavior_type loader_behavior(loader_self self,
                                            std::size_t threads) {
  silence(self);
  for (std::size_t i = 0; i < threads; ++i) {
    self->state.workers.push_back(self->spawn<caf::detached + caf::linked>(
      worker_behavior, loader_actor{self}, i));
    self->state.idle.push_back(i);
    self->state.heavy.push_back(false);
  }
  return {
    [self](const load_job& job) { return hand_out(self, job); },
    [](const take_turn&) { return load_done{}; },
    [self](const loader_idle& free) { hand_out_next(self, free.worker); },
    [self](const drain_loaders&) { return drain(self); },
  };
}

} // namespace

loader_actor spawn_loader(caf::actor_system& system, std::size_t threads) {
  return system.spawn(loader_behavior, threads);
}

} // namespace cloister::actors
