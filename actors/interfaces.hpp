// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <caf/typed_actor.hpp>

#include "actors/messages.hpp"

/// Every conversation between actors, on one page.
namespace cloister::actors {

/// Owns one scope. Messages are handled one at a time, so the engine inside
/// needs no locks.
using scope_actor = caf::typed_actor<
  // Does one operation. Replies once it is audited and, if it changed
  // anything, on disk.
  caf::replies_to<perform>::with<performed>,
  // The same for a caller that is no actor: its completion is the reply.
  caf::reacts_to<perform_for>,
  // To itself: goes on with a long operation.
  caf::reacts_to<resume>,
  // To itself: brings the audit entries of reads into the chain.
  caf::reacts_to<flush_audit>,
  // To itself: reads its state again after a failed write.
  caf::reacts_to<reload>,
  // From the directory: ends, unless there is work.
  caf::replies_to<sleep>::with<slept>,
  // From the gateway, to an ephemeral session: ends once nothing is in flight.
  caf::replies_to<close_session>::with<closed_session>,
  // To itself: whether anything is.
  caf::reacts_to<look_at_closing>>;

/// Owns the node's chain and the list of organizations.
using node_actor = caf::typed_actor<
  // Does one of the operator's operations.
  caf::replies_to<perform_on_node>::with<performed>,
  // To itself: as for scopes.
  caf::reacts_to<resume>, caf::reacts_to<flush_audit>, caf::reacts_to<reload>,
  // From the supervisor: ends, unless there is work.
  caf::replies_to<sleep>::with<slept>>;

/// Runs what may block on the disk.
using loader_actor = caf::typed_actor<
  // Runs a job on one of a few threads.
  caf::replies_to<load_job>::with<load_done>,
  // Replies at once: whoever waits for that gets behind all others that have
  // something to do. A message to itself would come in the same turn.
  caf::replies_to<take_turn>::with<load_done>,
  // From a worker: it is free.
  caf::reacts_to<loader_idle>,
  // From the supervisor: replies once there is no job left.
  caf::replies_to<drain_loaders>::with<load_done>>;

/// One thread of the loader.
using loader_worker = caf::typed_actor<
  // Runs a job to its end.
  caf::replies_to<load_job>::with<load_done>>;

/// The one writer.
using committer_actor = caf::typed_actor<
  // Joins the batch with all others that wait, syncs, and answers.
  caf::replies_to<commit_batch>::with<commit_outcome>,
  // To itself: what has gathered is written.
  caf::reacts_to<flush_commits>,
  // To itself: the store is opened anew after a failed write.
  caf::reacts_to<reopen_store>>;

} // namespace cloister::actors

namespace cloister::actors {

/// A scope's actor with what its callers share, or where the scope would be.
struct found_scope {
  scope_actor handle;
  std::shared_ptr<scope_usage> usage;
  /// Set where the scope does not exist: its nearest ancestor that does.
  std::optional<scope> nearest;
  /// Why there is no handle and no ancestor.
  std::optional<error> failure;
};

/// Knows which scopes are active.
using directory_actor = caf::typed_actor<
  // Finds a scope's actor, waking or creating the scope where asked to.
  caf::replies_to<find_scope>::with<found_scope>,
  // Puts a closed scope and all below it to sleep; replies when they are, or
  // were ended.
  caf::replies_to<empty_scope>::with<slept>,
  // Starts the actor of an ephemeral session, which never sleeps.
  caf::replies_to<adopt_session>::with<found_scope>,
  // To itself: whether they sleep.
  caf::reacts_to<look_at_emptied>,
  // To itself: puts idle scopes to sleep, and more when memory is short.
  caf::reacts_to<look_after_scopes>,
  // From the supervisor: puts all to sleep; replies when none is left.
  caf::replies_to<shut_down>::with<slept>>;

/// Finds what has expired.
using sweeper_actor = caf::typed_actor<
  // To itself, and from tests: removes what is due.
  caf::reacts_to<sweep>>;

/// Starts all others.
using supervisor_actor = caf::typed_actor<
  // To itself: starts what is not running.
  caf::reacts_to<start_core>,
  // From the runtime: replies once a first start was tried.
  caf::replies_to<await_core>::with<core_state>,
  // To itself: the node's actor is the last to go.
  caf::reacts_to<put_node_down>,
  // From the runtime: puts every scope to sleep and ends; replies when done.
  caf::replies_to<shut_down>::with<slept>>;

} // namespace cloister::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cloister::actors::found_scope)
