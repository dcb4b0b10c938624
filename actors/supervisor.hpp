// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <mutex>

#include "actors/closed_scopes.hpp"
#include "actors/interfaces.hpp"
#include "engine/services.hpp"
#include "persistence/data_directory.hpp"
#include "persistence/key_slots.hpp"

namespace caf {
class actor_system;
}

namespace cloister::actors {

/// The actors of a node that callers talk to. They change when the supervisor
/// restarts them. Thread-safe.
class core_actors {
public:
  struct handles {
    directory_actor directory;
    node_actor node;
    sweeper_actor sweeper;
  };

  handles get() const {
    std::lock_guard guard{mutex_};
    return handles_;
  }
  void set(handles next) {
    std::lock_guard guard{mutex_};
    handles_ = std::move(next);
  }

private:
  mutable std::mutex mutex_;
  handles handles_;
};

struct supervisor_options {
  engine::services with;
  persistence::store* records = nullptr;
  persistence::key_slots* slots = nullptr;
  persistence::data_directory* directory = nullptr;
  std::shared_ptr<node_usage> usage;
  std::shared_ptr<core_actors> core;
  std::shared_ptr<closed_scopes> closed;
  std::size_t loader_threads = 0;
  std::size_t memory_budget_bytes = 0;
  std::chrono::milliseconds idle_after{0};
  std::chrono::milliseconds sweep_interval{0};
};

/// Starts the actor at the top: it starts all others and, when one of them
/// dies, all of them anew, with a pause that grows. Scopes that die are the
/// directory's business.
supervisor_actor spawn_supervisor(caf::actor_system& system,
                                  supervisor_options options);

} // namespace cloister::actors
