// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/raw_actor.hpp"

#include <stdexcept>

#include <caf/all.hpp>

namespace cloister::bench {

namespace {

/// As in actors/gateway.cpp.
constexpr std::size_t messages_per_turn = 16;

using echo_actor = caf::typed_actor<caf::replies_to<int>::with<int>>;

echo_actor::behavior_type echo_behavior() {
  return {[](int value) { return value; }};
}

struct scheduler_settings : caf::actor_system_config {
  scheduler_settings() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-throughput", messages_per_turn);
    set("logger.verbosity", caf::atom("quiet"));
  }
};

} // namespace

struct raw_actor::impl {
  scheduler_settings settings;
  caf::actor_system system{settings};
  caf::scoped_actor caller{system, true};
  echo_actor echo = system.spawn(echo_behavior);
};

raw_actor::raw_actor() : impl_(std::make_unique<impl>()) {}

raw_actor::~raw_actor() = default;

void raw_actor::ask() {
  auto answered = false;
  impl_->caller->request(impl_->echo, caf::infinite, 1)
    .receive([&](int) { answered = true; }, [](const caf::error&) {});
  if (!answered)
    throw std::runtime_error{"the bare actor did not answer"};
}

} // namespace cloister::bench
