// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/node.hpp"

#include <caf/all.hpp>

#include "actors/step_driver.hpp"

namespace cloister::actors {

namespace {

struct node_state : driver_state<engine::node_engine, engine::node_operation> {
  static inline const char* name = "cloister.node";
};

using node_self = node_actor::stateful_pointer<node_state>;

auto reader_of(engine::services with) {
  return [with = std::move(with)] {
    auto state = engine::load_node(with);
    return [state](engine::node_engine& engine) -> result<void> {
      if (state.has_error())
        return state.error();
      engine.reload(*state);
      return {};
    };
  };
}

node_actor::behavior_type
node_behavior(node_self self,
              const std::shared_ptr<node_actor_options>& options) {
  silence(self);
  auto& state = self->state;
  state.read_again = reader_of(options->with);
  state.engine = std::move(options->engine);
  state.loaders = options->loaders;
  state.committer = options->committer;
  after_work(self);
  return {
    [self](const perform_on_node& what) {
      auto must_wait
        = engine::is_change(*what.asked) && self->state.engine->needs_reload();
      return start(self, what.asked, must_wait);
    },
    [self](const resume& later) { on_resume(self, later); },
    [self](const flush_audit&) { on_flush(self); },
    [self](const reload&) { on_reload(self); },
    [self](const sleep& how) { return on_sleep(self, how.for_good); },
  };
}

} // namespace

node_actor spawn_node(caf::actor_system& system, node_actor_options options) {
  return system.spawn(node_behavior,
                      std::make_shared<node_actor_options>(std::move(options)));
}

} // namespace cloister::actors
