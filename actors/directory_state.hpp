// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// The inside of the directory, shared by its sources.

#include <map>

#include <caf/all.hpp>

#include "actors/directory.hpp"
#include "actors/scope.hpp"
#include "actors/step_driver.hpp"

namespace cloister::actors {

constexpr std::chrono::milliseconds directory_look_interval{200};

using found_promise = caf::typed_response_promise<found_scope>;

struct waiter {
  found_promise promise;
  if_absent otherwise = if_absent::report;
};

enum class phase { activating, active, stopping };

struct directory_entry {
  scope name;
  phase now = phase::activating;
  scope_actor handle;
  std::shared_ptr<scope_usage> usage;
  std::vector<waiter> waiting;
  /// Its memories are nowhere else.
  bool never_sleeps = false;
};

inline found_scope failed(error why) {
  found_scope out;
  out.failure = std::move(why);
  return out;
}

struct directory_state {
  static inline const char* name = "cloister.directory";

  std::shared_ptr<directory_options> options;
  std::map<std::string, directory_entry, std::less<>> entries;
  struct running_scope {
    std::string path;
    bool is_ephemeral = false;
  };
  std::unordered_map<caf::actor_addr, running_scope> by_address;
  restart_policy restarts;
  /// Scopes found damaged, why, and until when they are not read again.
  std::unordered_map<std::string, std::pair<error, std::chrono::nanoseconds>>
    damaged;
  std::int64_t idle_checked = 0;
  caf::typed_response_promise<slept> all_asleep;
  bool shutting_down = false;
  int shutdown_looks = 0;
  /// Who waits until a closed scope and all below it sleep.
  struct emptied_scope {
    scope name;
    caf::typed_response_promise<slept> asleep;
    int looks = 0;
  };
  std::vector<emptied_scope> emptied;
  bool looks_at_emptied = false;

  directory_state() = default;
  directory_state(const directory_state&) = delete;
  directory_state& operator=(const directory_state&) = delete;

  /// Scopes end with their directory: nobody could find them any more. They are
  /// not linked, since a link is removed in a time that grows with their
  /// number.
  ~directory_state() {
    for (auto& [path, entry] : entries) {
      if (entry.handle)
        caf::anon_send_exit(entry.handle, caf::exit_reason::kill);
      // CAF answers only what is still in a mailbox when an actor dies.
      for (auto& waiting : entry.waiting)
        waiting.promise.deliver(failed(crashed_error()));
    }
    if (all_asleep.pending())
      all_asleep.deliver(slept{true});
    for (auto& each : emptied)
      each.asleep.deliver(slept{false});
  }

  std::chrono::nanoseconds steady() const {
    return options->with.time->steady();
  }
};

inline error closed_error() {
  return {errc::unavailable, "the scope is being erased",
          limits::overload_retry_hint};
}

inline error ending_error() {
  return {errc::unavailable, "the runtime is shutting down"};
}

using directory_self = directory_actor::stateful_pointer<directory_state>;

inline found_scope found(const directory_entry& entry) {
  found_scope out;
  out.handle = entry.handle;
  out.usage = entry.usage;
  return out;
}

inline void answer_all(directory_entry& entry, const found_scope& answer) {
  for (auto& waiting : std::exchange(entry.waiting, {}))
    waiting.promise.deliver(answer);
}

// -- directory.cpp --

/// Reads a scope that nobody has awake.
void activate(directory_self self, const scope& name);

// -- directory_ends.cpp --

/// A scope's actor has ended: asleep, or crashed.
void on_down(directory_self self, const caf::down_msg& down);
/// Puts what is to be emptied to sleep, and ends what does not go.
void empty_on(directory_self self);
caf::result<slept> begin_emptying(directory_self self, const empty_scope& what);
void look_after(directory_self self);
caf::result<slept> begin_shutdown(directory_self self);

} // namespace cloister::actors
