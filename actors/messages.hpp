// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/fwd.hpp>

#include "actors/admission.hpp"
#include "actors/completion.hpp"
#include "engine/node_engine.hpp"
#include "engine/requests.hpp"
#include "engine/scope_engine.hpp"
#include "engine/step.hpp"
#include "persistence/write_batch.hpp"

/// What actors of one node say to each other. None of it leaves the process,
/// so messages carry pointers and functions freely.
namespace cloister::actors {

/// Do one operation of a scope.
struct perform {
  std::shared_ptr<engine::request> asked;
};

/// The same, for a caller outside the actors.
struct perform_for {
  std::shared_ptr<engine::request> asked;
  completion_ptr caller;
};

/// Do one operation of the node.
struct perform_on_node {
  std::shared_ptr<engine::node_operation> asked;
};

/// What became of an operation.
struct performed {
  std::shared_ptr<result<engine::answer>> outcome;
};

/// Go on with an operation that gave up its thread.
struct resume {
  std::uint64_t job = 0;
  std::shared_ptr<engine::again> next;
};

/// Bring pending audit entries into the chain.
struct flush_audit {};

/// Go to sleep if there is nothing to do.
struct sleep {
  /// It will not wake again: what would only help with that is not written.
  bool for_good = false;
};

/// Whether the scope went to sleep.
struct slept {
  bool asleep = false;
};

/// Read the engine's state again.
struct reload {};

/// Run this; it may block.
struct load_job {
  std::shared_ptr<std::function<void()>> work;
  /// See `engine::offload`.
  bool heavy = false;
  /// Whose turn a heavy one takes: an organization's number.
  std::uint64_t owner = 0;
};
struct load_done {};
/// Answered when it is its turn among the actors.
struct take_turn {};
struct drain_loaders {};
struct loader_idle {
  std::size_t worker = 0;
};

/// Make this durable.
struct commit_batch {
  std::shared_ptr<persistence::write_batch> batch;
};
struct commit_outcome {
  result<void> outcome;
};
/// Write what has gathered.
struct flush_commits {};
/// Try to open the store again.
struct reopen_store {};

/// What to do about a scope that does not exist.
enum class if_absent { report, create };

/// Find a scope's actor, waking it if it sleeps.
struct find_scope {
  scope name;
  if_absent otherwise = if_absent::report;
};

/// Put a scope and all below it to sleep; it is closed.
struct empty_scope {
  scope name;
};
/// End an ephemeral session: what is in flight comes to its end first, and
/// nothing new is begun. Its keys are gone when it is answered.
struct close_session {};
struct closed_session {
  /// None where it has to be read.
  std::shared_ptr<std::optional<engine::session_remains>> remains;
};
/// Look whether nothing is in flight any more.
struct look_at_closing {};

/// Start the actor of an ephemeral session.
struct session_to_adopt {
  std::unique_ptr<engine::scope_engine> engine;
  engine::live_session_ptr session;
};
struct adopt_session {
  std::shared_ptr<session_to_adopt> what;
};

/// Look whether what is to be emptied is.
struct look_at_emptied {};

/// Look after idle scopes and the memory budget.
struct look_after_scopes {};

/// Remove what is due.
struct sweep {};

/// Start the actors of the core, if they are not running.
struct start_core {};

/// Tell once the core has been started.
struct await_core {};

/// Whether the core is running.
struct core_state {
  bool running = false;
};

/// Put the node's actor to sleep.
struct put_node_down {};

/// Finish everything and end.
struct shut_down {};

} // namespace cloister::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::perform)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::perform_for)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::perform_on_node)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::performed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::resume)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::flush_audit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::sleep)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::slept)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::reload)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::load_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::load_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::take_turn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::drain_loaders)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::loader_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::commit_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::commit_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::flush_commits)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::reopen_store)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::find_scope)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::empty_scope)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::close_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::closed_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::look_at_closing)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::adopt_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::look_at_emptied)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::look_after_scopes)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::sweep)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::start_core)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::await_core)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::core_state)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::put_node_down)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::shut_down)
