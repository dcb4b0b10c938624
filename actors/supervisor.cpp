// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/supervisor.hpp"

#include <set>

#include <caf/all.hpp>

#include "actors/committer.hpp"
#include "actors/directory.hpp"
#include "actors/loader.hpp"
#include "actors/node.hpp"
#include "actors/step_driver.hpp"
#include "actors/sweeper.hpp"
#include "persistence/commit_queue.hpp"

namespace cloister::actors {

namespace {

constexpr std::chrono::milliseconds first_pause{50};
constexpr std::chrono::milliseconds longest_pause{5000};
constexpr std::chrono::seconds healthy_life{60};
constexpr std::chrono::milliseconds sleep_retry{5};
constexpr int sleep_tries = 1000;
constexpr std::chrono::milliseconds scopes_end_interval{5};

struct supervisor_state {
  static inline const char* name = "cloister.supervisor";

  std::shared_ptr<supervisor_options> options;
  std::vector<caf::actor> children;
  /// Children that have not ended: what they are in the middle of must not go
  /// on beside their successors, nor beside a store that is closed.
  std::set<caf::actor_addr> living;
  bool ending = false;
  committer_actor committer;
  loader_actor loaders;
  std::chrono::milliseconds pause = first_pause;
  std::chrono::nanoseconds started_at{0};
  caf::typed_response_promise<slept> ended;
  int sleep_tries_left = sleep_tries;
  bool shutting_down = false;
};

using supervisor_self = supervisor_actor::stateful_pointer<supervisor_state>;

template <class Handle>
void watch(supervisor_self self, const Handle& child) {
  self->monitor(child);
  self->state.living.insert(child.address());
  self->state.children.push_back(caf::actor_cast<caf::actor>(child));
}

void start_all(supervisor_self self) {
  auto& state = self->state;
  const auto& o = *state.options;
  // The committer that was to open it again is gone.
  if (o.records->poisoned())
    static_cast<void>(persistence::reopen_store(*o.records, *o.directory));
  auto node = engine::load_node(o.with);
  if (node.has_error()) {
    self->delayed_send(self, state.pause, start_core{});
    return;
  }
  state.committer = spawn_committer(
    self->system(), {o.records, o.slots, o.directory, o.with.counters});
  state.loaders = spawn_loader(self->system(), o.loader_threads);
  auto node_engine = std::make_unique<engine::node_engine>(o.with, *node);
  core_actors::handles core;
  core.node = spawn_node(self->system(), {std::move(node_engine), o.with,
                                          state.loaders, state.committer});
  core.directory = spawn_directory(
    self->system(), {o.with, state.loaders, state.committer, o.usage, o.closed,
                     o.memory_budget_bytes, o.idle_after});
  core.sweeper
    = spawn_sweeper(self->system(), {o.with, state.loaders, core.directory,
                                     state.committer, o.sweep_interval});
  state.started_at = o.with.time->steady();
  watch(self, state.committer);
  watch(self, state.loaders);
  watch(self, core.node);
  watch(self, core.directory);
  watch(self, core.sweeper);
  o.core->set(std::move(core));
}

void stop_children(supervisor_self self) {
  auto children = std::exchange(self->state.children, {});
  self->state.ending = true;
  for (auto& child : children)
    self->send_exit(child, caf::exit_reason::kill);
  self->state.options->core->set({});
  self->state.committer = nullptr;
  self->state.loaders = nullptr;
}

/// Scopes of a core that died may be in the middle of something.
void finish_end(supervisor_self self) {
  if (self->state.options->usage->living_scopes > 0) {
    self->delayed_send(self, scopes_end_interval, put_node_down{});
    return;
  }
  self->state.ended.deliver(slept{true});
  self->quit();
}

void stop_all(supervisor_self self) {
  stop_children(self);
  if (self->state.living.empty())
    finish_end(self);
}

/// One of the core died: its siblings may wait for its answers for ever, so all
/// start anew. What was being written is unknown.
void on_down(supervisor_self self, const caf::down_msg& down) {
  auto& state = self->state;
  state.living.erase(down.source);
  if (state.shutting_down) {
    if (state.ending && state.living.empty())
      finish_end(self);
    return;
  }
  if (!state.ending)
    stop_children(self);
  if (!state.living.empty())
    return;
  state.ending = false;
  state.options->records->poison();
  // One that lived for long is no sign that the next one will not.
  if (state.options->with.time->steady() - state.started_at > healthy_life)
    state.pause = first_pause;
  self->delayed_send(self, state.pause, start_core{});
  state.pause = std::min(state.pause * 2, longest_pause);
}

/// Nobody is left who could touch the store once the loaders are idle.
void end(supervisor_self self) {
  auto loaders = self->state.loaders;
  if (!loaders) {
    stop_all(self);
    return;
  }
  self->request(loaders, load_timeout, drain_loaders{})
    .then([self](const load_done&) { stop_all(self); },
          [self](const caf::error&) { stop_all(self); });
}

/// All scopes sleep: the node's chain is the last to be written.
void put_node_to_sleep(supervisor_self self) {
  self->request(self->state.options->core->get().node, load_timeout, sleep{})
    .then(
      [self](const slept& done) {
        if (done.asleep || --self->state.sleep_tries_left == 0)
          end(self);
        else
          self->delayed_send(self, sleep_retry, put_node_down{});
      },
      [self](const caf::error&) { end(self); });
}

caf::result<slept> shut_down_all(supervisor_self self) {
  auto& state = self->state;
  state.shutting_down = true;
  state.ended = self->make_response_promise<slept>();
  auto promise = state.ended;
  auto core = state.options->core->get();
  if (!core.directory) {
    end(self);
    return promise;
  }
  self->send_exit(core.sweeper, caf::exit_reason::kill);
  self->request(core.directory, load_timeout, shut_down{})
    .then([self](const slept&) { put_node_to_sleep(self); },
          [self](const caf::error&) { end(self); });
  return promise;
}

supervisor_actor::behavior_type
supervisor_behavior(supervisor_self self,
                    std::shared_ptr<supervisor_options> options) {
  silence(self);
  self->set_down_handler(
    [self](const caf::down_msg& down) { on_down(self, down); });
  self->state.options = std::move(options);
  start_all(self);
  return {
    [self](const start_core&) {
      auto& state = self->state;
      if (!state.children.empty() || state.ending || state.shutting_down)
        return;
      // A scope of the former core must not go on beside its successor.
      if (state.options->usage->living_scopes > 0)
        self->delayed_send(self, scopes_end_interval, start_core{});
      else
        start_all(self);
    },
    [self](const await_core&) {
      return core_state{!self->state.children.empty()};
    },
    [self](const put_node_down&) {
      if (self->state.ending)
        finish_end(self);
      else
        put_node_to_sleep(self);
    },
    [self](const shut_down&) { return shut_down_all(self); },
  };
}

} // namespace

supervisor_actor spawn_supervisor(caf::actor_system& system,
                                  supervisor_options options) {
  return system.spawn(supervisor_behavior,
                      std::make_shared<supervisor_options>(std::move(options)));
}

} // namespace cloister::actors
