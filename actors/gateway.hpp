// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "actors/admission.hpp"
#include "actors/copy_keeper.hpp"
#include "actors/task.hpp"
#include "core/limits.hpp"
#include "engine/node_engine.hpp"
#include "engine/requests.hpp"
#include "engine/services.hpp"
#include "persistence/node_store.hpp"

namespace caf {
class actor_system;
}

namespace cloister::actors {

/// Remembers where a scope's actor is, so that the directory is not on the path
/// of every operation. Thread-safe.
class scope_binding {
public:
  explicit scope_binding(scope name);
  ~scope_binding();

  const scope& name() const {
    return name_;
  }

private:
  friend class gateway;
  struct target;
  const scope name_;
  std::mutex mutex_;
  std::unique_ptr<target> target_;
  /// Where it is an open session.
  engine::live_session_ptr session_;
};

struct gateway_options {
  std::shared_ptr<const clock> time;
  bool allow_personal_ids = false;
  std::size_t scheduler_threads = 0;
  std::size_t loader_threads = 2;
  std::size_t memory_budget_bytes = 0;
  std::size_t content_cache_bytes = 0;
  std::size_t checkpoint_documents_min = limits::checkpointed_documents_min;
  std::chrono::milliseconds idle_after{0};
  /// 0 sweeps only when told to.
  std::chrono::milliseconds sweep_interval{0};
  std::chrono::milliseconds purge_within = limits::purge_within_default;
  /// Leaves organizations alone whose time to be erased has come: of a restored
  /// store it is not known whether they were kept since.
  bool keeps_disabled = false;
  std::function<void(const scope&, auth::operation)> before_operation;
  /// A system to join; its own otherwise. Must outlive the gateway.
  caf::actor_system* system = nullptr;
};

/// Whether a system runs CAF's default scheduler policy, with which threads
/// that wait for an actor wait several times as long.
bool is_stealing(const caf::actor_system& system);

/// One hit of a search over several scopes.
struct located_hit {
  scope where;
  engine::memory_hit hit;
};

/// What becomes of copies that were shared from a scope that is erased.
enum class shared_copies {
  /// They stay, and the receipt says how many there are.
  count,
  /// They are erased before it, wherever whoever asks may delete.
  erase,
};

/// What an operation is to the rates of its organization and its scope.
enum class counted {
  /// Something that a caller asked for.
  call,
  /// The part in another scope of what was counted for its organization.
  further_scope,
  /// A part of what was counted already.
  nothing,
};

/// Answered for a scope that does not exist.
struct absent_scope {};

using gateway_answer = std::variant<engine::answer, absent_scope>;

/// The way from ordinary threads to the actors of one node: decides, admits and
/// asks. Everything that is refused is audited here. What callers ask for, and
/// not what happens by itself, is counted with the rates of its organization
/// and its scope: `rate_limited` says when to try again. Operations are tasks,
/// which whoever starts them waits for or not; they must end before the gateway
/// does. Thread-safe.
class gateway {
public:
  /// Starts the actors over an opened store, which must outlive the gateway.
  /// Brings audit entries home that a dead process left.
  static result<std::unique_ptr<gateway>> start(persistence::node_store& over,
                                                gateway_options options);

  /// Puts everything to sleep and waits.
  ~gateway();

  /// Does an operation on a scope. A scope that does not exist is created if
  /// `what` writes to it.
  task<result<gateway_answer>>
  perform(std::shared_ptr<scope_binding> binding, auth::authority_ptr who,
          auth::operation kind, engine::operation what,
          std::chrono::milliseconds timeout, counted how = counted::call);

  /// Whether an operation would be allowed; a refusal is audited.
  task<result<void>> check(auth::authority_ptr who, auth::operation kind,
                           scope target);

  /// Does an operation that concerns `target` on the organization's actor,
  /// which keeps keys and refusals.
  task<result<engine::answer>>
  perform_on_organization(std::shared_ptr<scope_binding> organization,
                          scope target, auth::authority_ptr who,
                          auth::operation kind, engine::operation what);

  /// Erases a scope and all below it: nothing of them opens from then on, and
  /// the name is refused. Space comes back behind the answer. Fails with
  /// `invalid_argument` for an organization, `not_found`, `erased`,
  /// `overloaded`, or `unavailable`: then it goes on by itself, also after a
  /// restart, if it had begun. What fails while copies are looked for has
  /// erased nothing else.
  task<result<engine::erased_child>> erase(auth::authority_ptr who,
                                           scope target, shared_copies copies);

  /// What the trail tells of an erasure, or of a session's end: by whatever
  /// process, and whoever asked. Fails with `not_found`.
  task<result<engine::told_erasure>> find_erasure(auth::authority_ptr who,
                                                  scope target);

  /// Whoever copies a memory from one scope to another holds this from before
  /// it is read until it is written.
  copy_turn begin_copy(const scope& source) const;

  /// Nobody may use an organization from now on; it is erased at a time. Fails
  /// with `not_found` or `erased`.
  task<result<void>> disable_organization(scope name, timestamp erased_at);

  /// Undoes that. Fails with `conflict` if it is not disabled.
  task<result<void>> keep_organization(scope name);

  /// Lets the name of one that was erased be used again.
  task<result<void>> reinstate_organization(scope name);

  /// Erases one at once, as `erase` does.
  task<result<engine::erased_child>> erase_organization(scope name);

  /// Lets the name of a scope that was erased be used again. Fails with
  /// `conflict` if it is not refused.
  task<result<void>> reinstate(auth::authority_ptr who, scope target);

  /// Opens a session below a scope, which is created if needed. Fails with
  /// `invalid_argument` for one that can have none, or `quota_exceeded`.
  task<result<engine::live_session_ptr>>
  open_session(auth::authority_ptr who, scope parent,
               engine::session_terms terms);

  /// Ends a session: nothing more is begun in it, what is in flight comes to
  /// its end, and then its keys are gone. Fails with `erased` if it has ended;
  /// with `unavailable` where that could not be written down yet: it has ended
  /// all the same.
  task<result<engine::erased_child>>
  end_session(auth::authority_ptr who, scope target, engine::session_end why);

  /// Ends the sessions that are due, in the background.
  void look_after_sessions();

  /// Searches scopes together: scored as one collection, best first. May pass
  /// over those that were erased.
  task<result<std::vector<located_hit>>>
  search(std::vector<std::shared_ptr<scope_binding>> scopes,
         auth::authority_ptr who, engine::search_memories what,
         std::chrono::milliseconds timeout, bool passes_over_erased);

  /// Remembers a refusal that was decided before there was anybody to ask, in
  /// the chain of the key's organization; answers it.
  task<error> refuse(auth::authority_ptr who, auth::operation kind, error why);

  task<result<engine::answer>> perform_on_node(engine::node_operation what);

  /// What an API key may do. Fails with `unauthenticated`.
  task<result<auth::authority_ptr>> authenticate(std::string api_key);

  /// Runs something on the actors' threads that must not keep a caller waiting,
  /// such as a caller's handler.
  void dispatch(std::function<void()> work);

  /// Removes what has expired by now, in the background.
  void sweep();

  const engine::services& services() const;
  const node_usage& usage() const;

  /// Compacts the whole database, so that tables can be looked at.
  void compact_for_tests() const;
  /// Ends one of the node, the directory and the sweeper; the others follow.
  void kill_core_for_tests(int which) const;

private:
  struct impl;
  struct search_run;
  explicit gateway(std::unique_ptr<impl> parts);
  void bring_journal_home();

  std::unique_ptr<impl> impl_;
};

} // namespace cloister::actors
