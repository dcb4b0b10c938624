// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "actors/interfaces.hpp"
#include "engine/node_counters.hpp"
#include "persistence/data_directory.hpp"
#include "persistence/key_slots.hpp"
#include "persistence/store.hpp"

namespace caf {
class actor_system;
}

namespace cloister::actors {

struct committer_options {
  persistence::store* records = nullptr;
  persistence::key_slots* slots = nullptr;
  persistence::data_directory* directory = nullptr;
  std::shared_ptr<engine::node_counters> counters;
};

/// Starts the one writer, on a thread of its own.
committer_actor spawn_committer(caf::actor_system& system,
                                committer_options options);

} // namespace cloister::actors
