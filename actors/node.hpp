// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "actors/interfaces.hpp"
#include "engine/node_engine.hpp"

namespace caf {
class actor_system;
}

namespace cloister::actors {

struct node_actor_options {
  std::unique_ptr<engine::node_engine> engine;
  engine::services with;
  loader_actor loaders;
  committer_actor committer;
};

/// Starts the actor of the node itself.
node_actor spawn_node(caf::actor_system& system, node_actor_options options);

} // namespace cloister::actors
