// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// The inside of the gateway, shared by its sources.

#include <thread>

#include <caf/all.hpp>

#include "actors/caller_pool.hpp"
#include "actors/gateway.hpp"
#include "actors/supervisor.hpp"
#include "core/limits.hpp"

namespace cloister::actors {

/// How often a request is sent again when its actor went to sleep meanwhile.
constexpr int tries_max = 8;
constexpr std::chrono::milliseconds first_retry_pause{1};
/// How often a scope is asked to sleep that has to write something first; a
/// millisecond apart.
constexpr int sleep_tries = 5000;

inline error starting_error() {
  return {errc::unavailable, "the runtime is restarting; try again",
          limits::overload_retry_hint};
}

inline error unknown_outcome() {
  return {errc::unavailable,
          "the scope ended before it answered; the outcome "
          "is unknown, try again",
          limits::overload_retry_hint};
}

struct scope_binding::target {
  scope_actor handle;
  std::shared_ptr<scope_usage> usage;
};

struct gateway::impl {
  persistence::node_store& over;
  gateway_options options;
  engine::services with;
  std::shared_ptr<node_usage> usage = std::make_shared<node_usage>();
  std::shared_ptr<core_actors> core = std::make_shared<core_actors>();
  std::unique_ptr<caf::actor_system_config> config;
  std::unique_ptr<caf::actor_system> own_system;
  caf::actor_system* system = nullptr;
  std::unique_ptr<caller_pool> callers;
  supervisor_actor supervisor;

  result<found_scope> find(const scope& name, if_absent otherwise) {
    auto directory = core->get().directory;
    if (!directory)
      return starting_error();
    auto caller = callers->take();
    result<found_scope> out = starting_error();
    (*caller)
      ->request(directory, caf::infinite, find_scope{name, otherwise})
      .receive([&](const found_scope& found) { out = found; },
               [](const caf::error&) {});
    if (out && out->failure)
      return *out->failure;
    return out;
  }

  std::optional<scope_binding::target> known_target(scope_binding& binding) {
    std::lock_guard guard{binding.mutex_};
    if (!binding.target_)
      return std::nullopt;
    return *binding.target_;
  }

  void remember(scope_binding& binding, const scope_binding::target& target) {
    std::lock_guard guard{binding.mutex_};
    binding.target_ = std::make_unique<scope_binding::target>(target);
  }

  /// A place among the requests in flight at a scope.
  result<admission> enter(const scope_binding::target& target,
                          const engine::operation& what) {
    target.usage->last_used.store(options.time->steady().count(),
                                  std::memory_order_relaxed);
    return admission::enter(usage, target.usage, engine::carried_bytes(what));
  }

  result<scope_binding::target> target_of(scope_binding& binding,
                                          if_absent otherwise,
                                          std::optional<found_scope>& absent) {
    if (auto known = known_target(binding))
      return *known;
    auto found = find(binding.name(), otherwise);
    if (found.has_error())
      return found.error();
    if (!found->handle) {
      absent = std::move(*found);
      return scope_binding::target{};
    }
    scope_binding::target target{found->handle, found->usage};
    remember(binding, target);
    return target;
  }

  void forget(scope_binding& binding) {
    std::lock_guard guard{binding.mutex_};
    binding.target_.reset();
  }

  /// Asks the actor of an existing scope; nothing where the scope is absent.
  result<std::optional<engine::answer>>
  ask(scope_binding& binding, const std::shared_ptr<engine::request>& asked,
      if_absent otherwise, std::optional<found_scope>& absent) {
    for (int tries = 0; tries < tries_max; ++tries) {
      auto target = target_of(binding, otherwise, absent);
      if (target.has_error())
        return target.error();
      if (absent)
        return std::optional<engine::answer>{};
      auto place = enter(*target, asked->what);
      if (place.has_error())
        return place.error();
      std::shared_ptr<result<engine::answer>> outcome;
      auto caller = callers->take();
      (*caller)
        ->request(target->handle, caf::infinite, actors::perform{asked})
        .receive([&](const performed& done) { outcome = done.outcome; },
                 [](const caf::error&) {});
      if (outcome) {
        if (outcome->has_error())
          return outcome->error();
        return std::optional{std::move(**outcome)};
      }
      forget(binding);
      if (asked->started)
        return unknown_outcome();
      // The directory hears of the end of an actor in a moment.
      std::this_thread::sleep_for(first_retry_pause * (1 << tries));
    }
    return starting_error();
  }

  std::shared_ptr<engine::request>
  make_request(auth::grant grant, engine::operation what,
               std::chrono::milliseconds timeout) {
    return std::make_shared<engine::request>(
      engine::request{std::move(grant), std::move(what), deadline_in(timeout)});
  }

  /// A steady time; zero for no deadline.
  std::chrono::nanoseconds
  deadline_in(std::chrono::milliseconds timeout) const {
    if (timeout.count() <= 0)
      return std::chrono::nanoseconds{0};
    return options.time->steady() + timeout;
  }

  /// Waits until a scope has chained what it has to, within reason.
  void let_sleep(const scope_actor& handle) {
    auto caller = callers->take();
    bool done = false;
    for (int tries = 0; tries < sleep_tries && !done; ++tries) {
      (*caller)
        ->request(handle, caf::infinite, sleep{})
        .receive([&](const slept& outcome) { done = outcome.asleep; },
                 [&](const caf::error&) { done = true; });
      if (!done)
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
  }

  /// Puts an entry into the chain of `where` (or its nearest ancestor).
  result<void> note(const scope& where, engine::note_access access) {
    auto grant
      = auth::decide(auth::system_authority(where.organization()), access.what,
                     where, options.time->now(), access.request);
    if (grant.has_error())
      return grant.error();
    scope_binding binding{where};
    std::optional<found_scope> absent;
    auto done = ask(binding, make_request(*grant, std::move(access), {}),
                    if_absent::report, absent);
    if (done.has_error())
      return done.error();
    return {};
  }

  /// A refusal that no engine has heard of is remembered too. What only asks to
  /// try again is none.
  error told(const std::shared_ptr<engine::request>& asked, const scope& target,
             const error& why) {
    auto passing = why.code == errc::overloaded || why.code == errc::unavailable
                   || why.code == errc::timeout;
    if (asked->started || passing)
      return why;
    auto told = refused(asked->grant.who_ptr(), asked->grant.what(),
                        asked->grant.request(), why, target,
                        engine::targets_of(asked->what));
    return told.code == errc::unavailable ? told : why;
  }

  /// A refusal goes to the chain of the organization; the target sleeps on.
  error refused(const auth::authority_ptr& who, auth::operation kind,
                const auth::request_id& request, const error& why,
                const scope& target, std::vector<memory_id> targets = {}) {
    engine::note_access access{why.code, why.detail, target, std::move(targets),
                               who,      kind,       request};
    auto noted = note(who->root.organization(), std::move(access));
    return noted.has_error() ? noted.error() : why;
  }
};

} // namespace cloister::actors
