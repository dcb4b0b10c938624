// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/committer.hpp"

#include <caf/all.hpp>

#include "actors/step_driver.hpp"
#include "persistence/commit_queue.hpp"

namespace cloister::actors {

namespace {

constexpr std::chrono::milliseconds reopen_pause{20};
constexpr std::chrono::milliseconds reopen_pause_max{1000};

struct committer_state {
  static inline const char* name = "cloister.committer";

  std::unique_ptr<persistence::commit_queue> queue;
  std::shared_ptr<engine::node_counters> counters;
  std::vector<caf::typed_response_promise<commit_outcome>> waiting;
  std::chrono::milliseconds pause = reopen_pause;
  bool flush_sent = false;
  bool reopening = false;
};

using committer_self = committer_actor::stateful_pointer<committer_state>;

void reopen_later(committer_self self) {
  if (self->state.reopening)
    return;
  self->state.reopening = true;
  self->delayed_send(self, self->state.pause, reopen_store{});
}

caf::result<commit_outcome> gather(committer_self self,
                                   const commit_batch& what) {
  auto& state = self->state;
  auto promise = self->make_response_promise<commit_outcome>();
  state.queue->add(what.batch);
  ++state.counters->commits_waiting;
  state.waiting.push_back(promise);
  // Whatever is in the mailbox by now is joined before the flush comes up.
  if (!std::exchange(state.flush_sent, true))
    self->send(self, flush_commits{});
  return promise;
}

void flush(committer_self self) {
  auto& state = self->state;
  state.flush_sent = false;
  auto waiting = std::exchange(state.waiting, {});
  auto began = std::chrono::steady_clock::now();
  auto outcomes = state.queue->flush();
  auto took = std::chrono::duration_cast<std::chrono::microseconds>(
    std::chrono::steady_clock::now() - began);
  state.counters->commits_waiting -= static_cast<std::int64_t>(waiting.size());
  state.counters->commit_changes.add(waiting.size());
  state.counters->commit_microseconds.add(
    static_cast<std::uint64_t>(took.count()));
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    waiting[i].deliver(commit_outcome{std::move(outcomes[i])});
  if (state.queue->must_reopen())
    reopen_later(self);
}

void reopen(committer_self self) {
  auto& state = self->state;
  state.reopening = false;
  if (state.queue->reopen()) {
    state.pause = reopen_pause;
    return;
  }
  state.pause = std::min(state.pause * 2, reopen_pause_max);
  reopen_later(self);
}

committer_actor::behavior_type
committer_behavior(committer_self self,
                   const std::shared_ptr<committer_options>& options) {
  silence(self);
  self->state.counters = options->counters;
  self->state.queue = std::make_unique<persistence::commit_queue>(
    *options->records, *options->slots, *options->directory);
  return {
    [self](const commit_batch& what) { return gather(self, what); },
    [self](const flush_commits&) { flush(self); },
    [self](const reopen_store&) { reopen(self); },
  };
}

} // namespace

committer_actor spawn_committer(caf::actor_system& system,
                                committer_options options) {
  return system.spawn<caf::detached>(
    committer_behavior, std::make_shared<committer_options>(options));
}

} // namespace cloister::actors
