// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace caf {
class actor_system;
}

namespace cloister::actors {

struct run_work;

/// Runs what callers hand in, one after the other, on the actors' threads.
using dispatcher_actor = caf::typed_actor<caf::reacts_to<run_work>>;

/// What is run: may ask other actors through the dispatcher it runs on.
using dispatched_work
  = std::function<void(dispatcher_actor::pointer dispatcher)>;

struct run_work {
  std::shared_ptr<dispatched_work> work;
};

dispatcher_actor spawn_dispatcher(caf::actor_system& system);

} // namespace cloister::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::run_work)
