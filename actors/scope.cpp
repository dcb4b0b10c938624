// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/scope.hpp"

#include <caf/all.hpp>

#include "actors/step_driver.hpp"

namespace cloister::actors {

namespace {

struct scope_state : driver_state<engine::scope_engine, engine::request> {
  static inline const char* name = "cloister.scope";

  scope_state() = default;
  scope_state(const scope_state&) = delete;
  scope_state& operator=(const scope_state&) = delete;

  ~scope_state() {
    if (!node)
      return;
    node->memory_bytes -= reported;
    --node->living_scopes;
  }

  /// Tells the directory what this scope uses.
  void report() {
    auto now = static_cast<std::int64_t>(engine->memory_bytes());
    node->memory_bytes += now - reported;
    usage->memory_bytes = now;
    reported = now;
  }

  std::shared_ptr<scope_usage> usage;
  std::shared_ptr<node_usage> node;
  std::int64_t reported = 0;
};

using scope_self = scope_actor::stateful_pointer<scope_state>;

/// Reads the scope again and hands the result to the engine.
auto reader_of(engine::services with, persistence::identity_ptr identity) {
  return [with = std::move(with), identity = std::move(identity)] {
    auto loaded = std::make_shared<result<engine::loaded_scope>>(
      engine::load_scope(with, *identity));
    return [loaded](engine::scope_engine& engine) -> result<void> {
      if (loaded->has_error())
        return loaded->error();
      engine.reload(std::move(**loaded));
      return {};
    };
  };
}

scope_actor::behavior_type
scope_behavior(scope_self self,
               const std::shared_ptr<scope_actor_options>& options) {
  silence(self);
  auto& state = self->state;
  state.read_again = reader_of(options->with, options->engine->identity());
  state.engine = std::move(options->engine);
  state.loaders = options->loaders;
  state.committer = options->committer;
  state.usage = options->usage;
  state.node = options->node;
  ++state.node->living_scopes;
  after_work(self);
  return {
    [self](const perform& what) {
      return start(self, what.asked,
                   self->state.engine->waits_for_reload(*what.asked));
    },
    [self](const perform_for& what) {
      auto must_wait = self->state.engine->waits_for_reload(*what.asked);
      start_job(self, add_job(self, what.caller), what.asked, must_wait);
    },
    [self](const resume& later) { on_resume(self, later); },
    [self](const flush_audit&) { on_flush(self); },
    [self](const reload&) { on_reload(self); },
    [self](const sleep& how) { return on_sleep(self, how.for_good); },
  };
}

} // namespace

scope_actor spawn_scope(caf::actor_system& system,
                        scope_actor_options options) {
  return system.spawn(
    scope_behavior, std::make_shared<scope_actor_options>(std::move(options)));
}

} // namespace cloister::actors
