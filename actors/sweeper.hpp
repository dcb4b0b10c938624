// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "actors/interfaces.hpp"
#include "engine/services.hpp"

namespace caf {
class actor_system;
}

namespace cloister::actors {

struct sweeper_options {
  engine::services with;
  loader_actor loaders;
  directory_actor directory;
  committer_actor committer;
  std::chrono::milliseconds interval{0};
};

/// Starts the actor that removes expired memories, those of dormant scopes too.
sweeper_actor spawn_sweeper(caf::actor_system& system, sweeper_options options);

} // namespace cloister::actors
