// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <mutex>
#include <set>
#include <shared_mutex>

#include "actors/completion.hpp"
#include "actors/gateway.hpp"
#include "actors/wait_for.hpp"
#include "persistence/node_store.hpp"
#include "runtime/checkpoint_shipper.hpp"
#include "runtime/master_key_source.hpp"
#include "runtime/runtime.hpp"
#include "runtime/unfinished.hpp"

namespace cloister {

/// One call of the public interface.
template <class T>
using call = actors::task<result<T>>;

/// Members are destroyed in reverse: the actors end before the store closes.
struct runtime::impl {
  persistence::node_store store;
  /// Where the master key is, without the key.
  found_master_key key_place;
  /// Held alone by a rotation, and together by backups.
  std::shared_mutex rotating;
  /// The files of those that are being written.
  std::mutex backups_mutex;
  std::set<std::string> backups;
  /// None while it is sealed.
  std::unique_ptr<actors::gateway> gateway;
  std::optional<error> sealed;
  /// None unless it is asked for. Ends before the actors, which it asks.
  std::unique_ptr<checkpoint_shipper> shipper;

  // -- what the operator does (operator_calls.cpp) --
  using opening = engine::create_organization::mode;
  static call<cloister::organization>
  open_organization(std::shared_ptr<impl> self, std::string name, opening how);
  static call<new_key> make_organization(std::shared_ptr<impl> self,
                                         std::string name);
  static call<cloister::client> open_client(std::shared_ptr<impl> self,
                                            std::string api_key,
                                            std::string user_id);
  call<scope_listing> organizations();
  // (organization_ends.cpp)
  static call<organization_erasure>
  end_organization(std::shared_ptr<impl> self, std::string name,
                   std::chrono::milliseconds delay);
  static call<void> keep_organization(std::shared_ptr<impl> self,
                                      std::string name);
  static call<void> reinstate_organization(std::shared_ptr<impl> self,
                                           std::string name);
  // (receipt_calls.cpp)
  static call<erasure_receipt> organization_receipt(std::shared_ptr<impl> self,
                                                    std::string name);

  /// (backup.cpp)
  static call<erasure_list> erased_list(std::shared_ptr<impl> self);

  /// Waits for the call that `make` makes, unless the runtime is sealed.
  template <class T, class Make>
  static result<T> wait_unsealed(const std::shared_ptr<impl>& self, Make make);
  /// Starts it, and hands what comes of it to `done`.
  template <class T, class Make>
  static void start_unsealed(const std::shared_ptr<impl>& self, Make make,
                             completion_handler<T> done);
  call<audit_list> node_audit(audit_options options);
  call<audit_checkpoint> checkpoint();
  static call<audit_export_summary> export_audit(std::shared_ptr<impl> self,
                                                 audit_line_sink sink);
  // (pruning_calls.cpp)
  static call<audit_pruning> prune_audit(std::shared_ptr<impl> self,
                                         std::string name, timestamp before);
  call<engine::exported_page> exported(engine::export_chain wanted);
  call<audit_verification> verify(std::optional<audit_checkpoint> against);

  const crypto::secret_key& signing_seed() const {
    return gateway->services().catalog.node().signing_seed;
  }
  audit_checkpoint signed_checkpoint(const engine::chain_heads& found) const;
  /// What chains must go on from; nothing without a checkpoint. Fails if it is
  /// not genuine.
  result<std::vector<engine::chain_head>>
  expected_heads(const std::optional<audit_checkpoint>& against) const;
};

/// For tests and benchmarks that look beneath.
struct runtime_access {
  static runtime::impl& parts(const runtime& opened) {
    return *opened.impl_;
  }
};

/// An organization and what the operator does to it. Must outlive its tasks.
struct organization::impl {
  std::shared_ptr<runtime::impl> node;
  auth::authority_ptr who;
  std::shared_ptr<actors::scope_binding> root;

  call<organization_settings> settings() const;
  call<organization_settings> configure(organization_changes changes) const;
};

/// A runtime over an opened store, for `runtime::open` and for tests that
/// bring their own file system.
result<runtime> make_runtime(persistence::node_store store,
                             actors::gateway_options options,
                             found_master_key place = {});

/// A client within an authority; refuses what is outside of it.
call<client> bind_client(std::shared_ptr<runtime::impl> node,
                         auth::authority_ptr who, std::string user_id);

/// A key of an organization, by the operator.
call<new_key> make_key(std::shared_ptr<const organization::impl> of,
                       key_options options);

/// What an erasure's answer says, signed by the store.
erasure_receipt signed_receipt(const runtime::impl& node,
                               const auth::authority& who, const scope& name,
                               const engine::erased_child& what);

/// Ends a session; see `gateway::end_session`.
call<erasure_receipt> end_session_as(std::shared_ptr<runtime::impl> node,
                                     auth::authority_ptr who, scope target,
                                     engine::session_end why);

/// Waits for a call. Fails where that would wait for itself: on one of the
/// runtime's own threads.
template <class T>
result<T> wait(call<T> work) {
  if (actors::actor_thread_mark::is_set())
    return error{errc::invalid_argument,
                 "a blocking call on a thread that runs actors: completion "
                 "handlers and event-based actors use the calls that take a "
                 "handler, or <cloister/caf.hpp>"};
  return actors::wait_for(std::move(work));
}

/// Runs a call and hands what comes of it to `done`, on a thread of the runtime
/// or of `where`. What the call works on is kept until then.
template <class T>
actors::detached_task
start(std::shared_ptr<const void> keep, std::shared_ptr<runtime::impl> node,
      call<T> work, completion_handler<T> done,
      std::shared_ptr<const completion_executor> where = nullptr) {
  auto waited_for = unfinished::begin_call();
  auto outcome = std::make_shared<result<T>>(
    error{errc::unavailable, "the call failed; try again"});
  try {
    auto running = std::move(work);
    *outcome = co_await running;
  } catch (...) { // NOLINT(bugprone-empty-catch)
    // Nothing but want of memory comes here; the outcome says so.
  }
  auto here = node;
  auto finish = [keep = std::move(keep), node = std::move(node),
                 outcome = std::move(outcome), done = std::move(done),
                 waited_for]() mutable {
    if (done)
      done(std::move(*outcome));
    // The runtime, if this was the last that held it, then the process's wait.
    done = nullptr;
    keep.reset();
    node.reset();
    waited_for.reset();
  };
  if (where)
    (*where)(std::move(finish));
  else
    here->gateway->dispatch(std::move(finish));
}

template <class T, class Make>
result<T> runtime::impl::wait_unsealed(const std::shared_ptr<impl>& self,
                                       Make make) {
  if (self->sealed)
    return *self->sealed;
  return wait(make());
}

template <class T, class Make>
void runtime::impl::start_unsealed(const std::shared_ptr<impl>& self, Make make,
                                   completion_handler<T> done) {
  if (!self->sealed)
    start(self, self, make(), std::move(done));
  else if (done)
    done(*self->sealed);
}

/// An organization's name: one segment. Fails with `invalid_argument`.
result<scope> parse_organization(std::string_view name);

key_info to_key_info(const auth::key_record& record);
scope_summary to_summary(const engine::scope_info& info);
scope_listing to_listing(const engine::scope_list& list);
audit_record to_audit_record(engine::audit_line line);
audit_list to_audit_list(engine::audit_page page);
audit_verification
to_verification(const engine::audit_report& report,
                const std::optional<audit_checkpoint>& against);
result<engine::list_audit> to_list_audit(const audit_options& options);

} // namespace cloister
