// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

// The inside of the gateway, shared by its sources.

#include <atomic>

#include <caf/all.hpp>

#include "actors/disabled_organizations.hpp"
#include "actors/dispatcher.hpp"
#include "actors/erasure_keeper.hpp"
#include "actors/gateway.hpp"
#include "actors/home_thread.hpp"
#include "actors/session_keeper.hpp"
#include "actors/supervisor.hpp"
#include "actors/wait_for.hpp"
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

/// Whether a failure says that a scope is not there, or not any more.
inline bool is_gone(const error& why) {
  return why.code == errc::erased || why.code == errc::not_found;
}

struct scope_binding::target {
  scope_actor handle;
  std::shared_ptr<scope_usage> usage;
};

/// An operation on its way, and what is known of its scope where that does not
/// exist.
struct gateway_call {
  std::shared_ptr<engine::request> asked;
  std::optional<found_scope> absent;
};

/// What is known of an erasure before it begins.
struct erasure_plan {
  /// Because its time has come.
  bool is_due = false;
  auth::copies_elsewhere copies = {};
  /// What has copies that go first, with what allows to erase them.
  persistence::scope_tag source{};
  std::vector<auth::grant> copies_first = {};
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
  std::vector<dispatcher_actor> dispatchers;
  std::atomic<std::size_t> next_dispatcher{0};
  supervisor_actor supervisor;
  home_thread home;
  std::shared_ptr<closed_scopes> closed = std::make_shared<closed_scopes>();
  std::shared_ptr<erasure_keeper> erasing = std::make_shared<erasure_keeper>();
  std::shared_ptr<session_keeper> keeping = std::make_shared<session_keeper>();
  std::shared_ptr<copy_keeper> copying = std::make_shared<copy_keeper>();
  std::shared_ptr<disabled_organizations> disabled
    = std::make_shared<disabled_organizations>();
  std::mutex rate_refusals_mutex;
  engine::refusal_counter rate_refusals;
  /// Before what could not be finished is tried again.
  std::chrono::milliseconds finish_pause{0};

  // -- life (gateway.cpp); on the home thread --
  void start_actors();
  void end_actors();

  // -- asking actors (gateway.cpp) --

  void dispatch(dispatched_work work);
  void dispatch_after(std::chrono::milliseconds pause, dispatched_work work);
  /// Asks an actor that is not on the path of every operation; nothing if it
  /// ended before it answered.
  template <class Reply, class Actor, class Message>
  struct asking;
  struct performing;
  struct pausing;

  task<result<found_scope>> find(scope name, if_absent otherwise);
  std::optional<scope_binding::target> known_target(scope_binding& binding);
  void remember(scope_binding& binding, const scope_binding::target& target);
  void forget(scope_binding& binding);
  /// A place among the requests in flight at a scope.
  result<admission> enter(const scope_binding::target& target);
  task<result<scope_binding::target>>
  target_of(std::shared_ptr<scope_binding> binding, if_absent otherwise,
            gateway_call& call);
  /// Asks the actor of an existing scope; nothing where the scope is absent.
  task<result<std::optional<engine::answer>>>
  ask(std::shared_ptr<scope_binding> binding, if_absent otherwise,
      gateway_call& call);
  task<result<engine::answer>> perform_on_node(engine::node_operation what);
  /// Waits until a scope has chained what it has to, within reason.
  task<result<void>> let_sleep(scope_actor handle);

  // -- erasure (gateway_erasure.cpp; the first in gateway_calls.cpp) --

  /// Waits until a closed scope and all below it sleep.
  task<result<void>> empty(scope name);
  /// The same once that was decided.
  task<result<engine::answer>> ask_granted(scope parent, auth::grant allowed,
                                           engine::operation what);
  /// Asks the engine that a scope's erasure is the business of.
  task<result<engine::answer>> ask_parent(scope parent, auth::authority_ptr who,
                                          auth::operation kind, scope target,
                                          auth::request_id id,
                                          engine::operation what);
  task<result<engine::erased_child>> erase_closed(auth::grant allowed,
                                                  erasure_plan plan,
                                                  engine::gone_before before);
  /// Goes on with what was begun. Returns whether nothing is left to be done.
  task<bool> forget_keys(scope organization, std::optional<scope> erased);
  task<bool> finish_erasures();
  task<bool> finish_begun();
  task<bool> reclaim_destroyed();
  task<result<engine::answer>> ask_to_finish(engine::unfinished_erasure what,
                                             auth::copies_elsewhere copies);
  task<bool> finish_one(engine::unfinished_erasure what,
                        std::vector<scope> going);
  void keep_finishing();
  detached_task finish_rounds();

  // -- organizations (gateway_organizations.cpp) --
  result<void> bring_disabled_back();
  void erase_due_organizations();
  detached_task erase_due(scope name);
  task<bool> is_still_due(scope name);
  task<result<engine::erased_child>> erase_organization(scope name,
                                                        bool is_due);

  /// What `gateway::erase` does for whoever may: a scope, or a session.
  task<result<engine::erased_child>> erase_decided(auth::grant allowed,
                                                   bool is_due = false);
  /// The same for whoever has a turn, and has looked for copies.
  task<result<engine::erased_child>> erase_in_turn(auth::grant allowed,
                                                   erasure_plan plan);

  // -- copies of what is erased (gateway_copies.cpp) --
  task<result<engine::erased_child>> erase_tracing(auth::grant allowed,
                                                   shared_copies how);
  task<result<engine::copy_trace>> trace_copies(engine::trace_copies what);
  task<result<engine::copy_trace>> trace_all_copies(engine::trace_copies what,
                                                    std::uint64_t before);
  task<result<std::uint64_t>> find_copies_in(auth::grant allowed,
                                             engine::find_copies what);
  task<result<std::uint64_t>>
  count_copies_in(scope where, const persistence::scope_tag& source);
  task<result<erasure_plan>> plan_erasure(auth::grant erasing_it,
                                          engine::copy_trace where,
                                          shared_copies how);
  task<result<std::uint64_t>> erase_copies(std::vector<auth::grant> where,
                                           persistence::scope_tag source);
  task<result<engine::answer>> erase_copies_first(auth::grant allowed,
                                                  erasure_plan plan,
                                                  engine::operation begin);
  /// Nothing where it must be tried again. `going` are scopes that are certain
  /// to go, with what they have.
  task<std::optional<auth::copies_elsewhere>>
  finish_copies(engine::unfinished_erasure what, std::vector<scope> going);
  task<std::optional<auth::copies_elsewhere>>
  finish_copies_at(engine::unfinished_erasure what, engine::copy_trace where,
                   std::vector<scope> going);

  // -- sessions (gateway_sessions.cpp, those that end by themselves in
  //    gateway_session_looks.cpp; the first in gateway_calls.cpp) --

  task<result<found_scope>> adopt(std::shared_ptr<session_to_adopt> given);
  /// Nothing if its actor is gone.
  task<std::optional<closed_session>> close(scope_actor handle);
  task<bool> pause_for(std::chrono::milliseconds pause);
  task<bool> retry_pause(int tries) {
    return pause_for(first_retry_pause * (1 << tries));
  }
  task<result<void>> start_session(const engine::opened_session& opened);
  std::optional<error> session_gate(scope_binding& binding,
                                    const auth::grant& given);
  engine::live_session_ptr session_of(scope_binding& binding);
  error with_reason(error why, const scope& name) const;
  void give_up(const engine::live_session_ptr& begun);
  auth::grant system_grant(const scope& session) const;
  task<result<engine::erased_child>> end_known(engine::live_session_ptr session,
                                               auth::grant allowed,
                                               engine::session_end why);
  task<result<engine::erased_child>> end_begun(unfinished_end what);
  task<bool> close_begun(unfinished_end& what);
  task<result<engine::erased_child>> finish_session(unfinished_end what);
  task<result<engine::erased_child>> erase_session(unfinished_end what);
  task<bool> forget_session(engine::live_session_ptr session);
  task<bool> give_back_places();
  task<std::vector<unfinished_end>> close_sessions_below(scope target);
  task<bool> forget_sessions_below(scope target);
  void tell_watchers(engine::live_session& ended);
  void look_after_sessions();
  detached_task look_rounds();
  task<bool> end_due();
  task<bool> close_all(std::vector<unfinished_end>& all);
  task<bool> end_all(std::vector<unfinished_end> due);
  task<bool> settle_uncertain();
  task<bool> expire_in_sessions();
  task<bool> write_uses(bool all);
  void look_at_sessions_later();
  result<void> bring_sessions_back();
  void end_all_sessions();

  // -- rates (gateway_rates.cpp) --

  /// Counts an operation, allowed or not. Why it comes too early, if so.
  std::optional<error> over_rate(const auth::authority& who,
                                 auth::operation kind, const scope& target,
                                 const result<auth::grant>& decided,
                                 counted how = counted::call);
  /// A refusal that is counted by the minute, in the node's chain: nobody fills
  /// one by asking too often.
  task<error> refused_by_rate(auth::authority_ptr who, auth::operation kind,
                              auth::request_id request, error why);
  /// Writes down what was only counted so far.
  void note_rate_refusals();

  // -- refusals (gateway.cpp) --

  /// Why what was decided may not be begun, if so.
  std::optional<error> refusal(const result<auth::grant>& given) const {
    return given ? disabled->refusal(*given) : std::optional{given.error()};
  }

  /// Puts an entry into the chain of `where` (or its nearest ancestor).
  task<result<void>> note(scope where, engine::note_access access);
  /// A refusal goes to the chain of the organization; the target sleeps on.
  task<error> refused(auth::authority_ptr who, auth::operation kind,
                      auth::request_id request, error why, scope target,
                      std::vector<memory_id> targets);
  /// A refusal that no engine has heard of is remembered too. What only asks to
  /// try again is none.
  task<error> told(std::shared_ptr<engine::request> asked, scope target,
                   error why);

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
};

} // namespace cloister::actors
