// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/dispatcher.hpp"

#include <caf/all.hpp>

#include "actors/step_driver.hpp"

namespace cloister::actors {

namespace {

struct dispatcher_state {
  static inline const char* name = "cloister.dispatcher";
};

using dispatcher_self = dispatcher_actor::stateful_pointer<dispatcher_state>;

/// What a caller's handler throws must not end the dispatcher.
void run(dispatcher_self self, const run_work& what) {
  actor_thread_mark::set_for_good();
  try {
    // It may hold the last handle of a runtime: let go while dispatching.
    auto work = std::move(*what.work);
    work(self);
  } catch (...) { // NOLINT(bugprone-empty-catch)
  }
}

/// Takes a number for nothing: CAF 0.17 binds a null reference where an actor
/// is spawned without arguments.
dispatcher_actor::behavior_type dispatcher_behavior(dispatcher_self self,
                                                    int /* unused */) {
  silence(self);
  return {
    [self](const run_work& what) { run(self, what); },
  };
}

} // namespace

bool& actor_thread_mark::marked() {
  thread_local bool is_marked = false;
  return is_marked;
}

dispatcher_actor spawn_dispatcher(caf::actor_system& system) {
  return system.spawn(dispatcher_behavior, 0);
}

} // namespace cloister::actors
