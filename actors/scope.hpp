// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "actors/interfaces.hpp"
#include "engine/scope_engine.hpp"

namespace caf {
class actor_system;
}

namespace cloister::actors {

struct scope_actor_options {
  std::unique_ptr<engine::scope_engine> engine;
  engine::services with;
  loader_actor loaders;
  committer_actor committer;
  std::shared_ptr<scope_usage> usage;
  std::shared_ptr<node_usage> node;
  /// Of an ephemeral session.
  engine::live_session_ptr session;
};

/// Starts the actor of one scope.
scope_actor spawn_scope(caf::actor_system& system, scope_actor_options options);

} // namespace cloister::actors
