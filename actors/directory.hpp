// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "actors/closed_scopes.hpp"
#include "actors/interfaces.hpp"
#include "actors/restart_policy.hpp"
#include "engine/services.hpp"

namespace caf {
class actor_system;
}

namespace cloister::actors {

struct directory_options {
  engine::services with;
  loader_actor loaders;
  committer_actor committer;
  std::shared_ptr<node_usage> node;
  std::shared_ptr<closed_scopes> closed;
  std::size_t memory_budget_bytes = 0;
  std::chrono::milliseconds idle_after{0};
};

/// Starts the actor that knows which scopes are active.
directory_actor spawn_directory(caf::actor_system& system,
                                directory_options options);

} // namespace cloister::actors
