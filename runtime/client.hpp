// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/memory_event.hpp"
#include "runtime/audit_export.hpp"
#include "runtime/checkpoint.hpp"
#include "runtime/receipt.hpp"
#include "runtime/types.hpp"

namespace cloister {

class event_stream;
class session;

/// Called once with the outcome of a call, on one of the runtime's threads,
/// which it must not keep: a blocking call from there fails with
/// `invalid_argument`. It may start further calls. What it throws is swallowed.
template <class T>
using completion_handler = std::function<void(result<T>)>;

/// Has something run once, on a thread of its own choice, after it has
/// returned. Thread-safe, and must not throw.
using completion_executor = std::function<void(std::function<void()>)>;

/// Memories of one scope, within what its authority allows. A scope that was
/// never written to reads as empty.
///
/// Every call exists twice: one that blocks and answers, which is for plain
/// threads, and one that returns at once and calls a handler. Both are
/// thread-safe, and answer values instead of throwing. Any call can fail with
/// `forbidden` (the key does not allow it), `unauthenticated` (it was revoked
/// or has expired), `overloaded` (try again after `error.retry_after`),
/// `rate_limited` (the same), `quota_exceeded` if it adds something,
/// `unavailable` (outcome unknown, try again), `timeout`, `quarantined` or
/// `corrupted`.
///
/// A client keeps its runtime open, and so does a call until its handler has
/// returned. Copies are cheap.
class client {
public:
  /// The scope whose memories these are.
  const scope& bound_to() const;

  /// How logs name that scope: 32 hexadecimal digits, which only its store can
  /// make of its name. Nothing where it was never written to. May read the
  /// disk.
  std::optional<std::string> scope_tag() const;

  /// What its key allows; whether it was revoked is asked with each call.
  permissions allowed() const;

  /// Why its key may do nothing any more, if so: it was revoked or has expired.
  /// Every call says the same; this asks nobody.
  std::optional<error> ended() const;

  /// Writes down that its key asked for what only the operator may do, e.g.
  /// "org.create". Answers `why`, or fails where that could not be written.
  void refuse(std::string_view operation, error why,
              completion_handler<void> done) const;

  /// A client that does the same, and whose calls the audit trail has under
  /// this request id. Handlers of its calls are run by `where`, if there is
  /// one: threads that wait for them anyway need not be woken by others.
  client with_request_id(const std::array<std::uint8_t, 16>& id,
                         std::shared_ptr<const completion_executor> where
                         = nullptr) const;

  /// Stores a memory; one with the same `key` is replaced by a new revision.
  /// Returns once it is durable. Fails with `invalid_argument` or `too_large`,
  /// or `conflict` if its idempotency key was used for something else.
  result<memory> create_memory(memory_draft draft) const;
  /// The same, completed by a handler.
  void create_memory(memory_draft draft, completion_handler<memory> done) const;

  /// All or none; at most `limits::batch_memories_max`.
  result<std::vector<memory>>
  create_memories(std::vector<memory_draft> drafts) const;
  /// The same, completed by a handler.
  void create_memories(std::vector<memory_draft> drafts,
                       completion_handler<std::vector<memory>> done) const;

  /// Like `create_memories`, for drafts with idempotency keys: passes over
  /// those that were stored before, even if they were deleted since. Answers
  /// how many were stored.
  result<std::size_t> import_memories(std::vector<memory_draft> drafts) const;
  /// The same, completed by a handler.
  void import_memories(std::vector<memory_draft> drafts,
                       completion_handler<std::size_t> done) const;

  /// Fails with `not_found`, for a memory of another scope as for none.
  result<memory> get_memory(const memory_id& id) const;
  /// The same, completed by a handler.
  void get_memory(const memory_id& id, completion_handler<memory> done) const;

  /// Newest first, a page at a time; of several scopes one after the other.
  result<memory_list> list_memories(list_options options = {}) const;
  /// The same, completed by a handler.
  void list_memories(list_options options,
                     completion_handler<memory_list> done) const;

  /// Best first.
  result<search_results> search_memories(search_options options) const;
  /// The same, completed by a handler.
  void search_memories(search_options options,
                       completion_handler<search_results> done) const;

  /// Fails with `not_found`, or `conflict` if `if_revision` is not the newest
  /// one.
  result<memory> update_memory(const memory_id& id, memory_patch patch,
                               std::optional<std::uint32_t> if_revision
                               = {}) const;
  /// The same, completed by a handler.
  void update_memory(const memory_id& id, memory_patch patch,
                     std::optional<std::uint32_t> if_revision,
                     completion_handler<memory> done) const;

  /// Fails like `update_memory`.
  result<void> delete_memory(const memory_id& id,
                             std::optional<std::uint32_t> if_revision
                             = {}) const;
  /// The same, completed by a handler.
  void delete_memory(const memory_id& id,
                     std::optional<std::uint32_t> if_revision,
                     completion_handler<void> done) const;

  /// Answers how many were deleted.
  result<std::uint64_t> delete_all_memories() const;
  /// The same, completed by a handler.
  void delete_all_memories(completion_handler<std::uint64_t> done) const;

  /// All revisions of a memory, newest first. Fails with `not_found`.
  result<std::vector<memory>> memory_history(const memory_id& id) const;
  /// The same, completed by a handler.
  void memory_history(const memory_id& id,
                      completion_handler<std::vector<memory>> done) const;

  /// Makes an old revision's content the newest. Fails with `not_found`.
  result<memory> restore_memory(const memory_id& id,
                                std::uint32_t revision) const;
  /// The same, completed by a handler.
  void restore_memory(const memory_id& id, std::uint32_t revision,
                      completion_handler<memory> done) const;

  /// Copies a memory to another scope, named like a user_id. Needs `share` here
  /// and `write` there. Fails with `not_found`.
  result<located_memory> share_memory(const memory_id& id,
                                      std::string_view to) const;
  /// The same, completed by a handler.
  void share_memory(const memory_id& id, std::string_view to,
                    completion_handler<located_memory> done) const;

  // -- what happens; see event_stream.hpp --

  /// Follows what happens in this scope, from now on or from behind an event
  /// that is known. `wake` is called on any thread, which it must not keep,
  /// once there may be something new. Needs `read`, with each call of the
  /// stream.
  event_stream follow_events(std::optional<event_position> after,
                             std::function<void()> wake) const;

  /// The scopes at this one and below, this one first, as far as they exist.
  /// Needs `read`. Fails with `too_large` if they are more than
  /// `limits::subtree_scopes_max`.
  result<std::vector<scope>> find_scopes() const;
  /// The same, completed by a handler.
  void find_scopes(completion_handler<std::vector<scope>> done) const;
  /// Those of them that may have a memory, by its id; seldom more than one.
  /// Needs `read`.
  result<std::vector<scope>> find_holders(const memory_id& id) const;
  /// The same, completed by a handler.
  void find_holders(const memory_id& id,
                    completion_handler<std::vector<scope>> done) const;

  // -- sessions; see session.hpp --

  /// Opens a session under this scope, with a name of its own. It ends with
  /// what is answered. Needs `write`. Fails with `invalid_argument` below a
  /// session, or with `quota_exceeded`.
  result<session> open_session(session_options options = {}) const;
  /// The same, completed by a handler.
  void open_session(session_options options,
                    completion_handler<session> done) const;

  /// The open sessions at this scope and below. Needs `read`.
  result<std::vector<session_info>> list_sessions() const;
  /// The same, completed by a handler.
  void list_sessions(completion_handler<std::vector<session_info>> done) const;

  /// Starts the lease and the idle time of a session anew; this scope's, or one
  /// below, named like a user_id. Needs `write`. Fails with `not_found` or
  /// `erased`.
  result<session_info> renew_session(std::string_view name = {}) const;
  /// The same, completed by a handler.
  void renew_session(std::string_view name,
                     completion_handler<session_info> done) const;

  /// Ends a session, with all its memories; named like for `renew_session`.
  /// Needs `delete`. Fails with `not_found`, with `erased` if it has ended, or
  /// with `unavailable`: it has ended then, and its receipt could not be
  /// written yet.
  result<erasure_receipt> end_session(std::string_view name = {}) const;
  /// The same, completed by a handler.
  void end_session(std::string_view name,
                   completion_handler<erasure_receipt> done) const;

  /// Moves memories to the scope above, or to another one, named like a
  /// user_id: they are copied, with their origin, and then removed here, for
  /// which the key needs `delete`: without it they stay here, too. Needs
  /// `share` here and `write` there. Fails with `not_found` if one is missing:
  /// then none was moved.
  result<std::vector<located_memory>>
  promote_memories(std::vector<memory_id> ids, std::string_view to = {}) const;
  /// The same, completed by a handler.
  void
  promote_memories(std::vector<memory_id> ids, std::string_view to,
                   completion_handler<std::vector<located_memory>> done) const;

  // -- keys, scopes and audit; each needs `admin` or `audit` --

  /// The secret is answered once and stored nowhere. A key cannot give more
  /// than it has.
  result<new_key> create_key(key_options options) const;
  /// The same, completed by a handler.
  void create_key(key_options options, completion_handler<new_key> done) const;

  /// Keys rooted at this scope or below, revoked ones too.
  result<std::vector<key_info>> list_keys() const;
  /// The same, completed by a handler.
  void list_keys(completion_handler<std::vector<key_info>> done) const;

  /// From then on whoever holds the key, or one that was narrowed from it, is
  /// refused. Takes a key's id; or, for a narrowed key alone and what came from
  /// it, its text or its name in an `audit_record::key_chain`. Fails with
  /// `not_found`, or with `quota_exceeded` if more than
  /// `limits::revoked_narrowings_max` of one key are revoked.
  result<key_info> revoke_key(std::string_view key) const;
  /// The same, completed by a handler.
  void revoke_key(std::string_view key,
                  completion_handler<key_info> done) const;

  /// The scopes below this one.
  result<scope_listing> list_scopes() const;
  /// The same, completed by a handler.
  void list_scopes(completion_handler<scope_listing> done) const;

  /// Fails with `not_found` if nothing was ever written to this scope.
  result<scope_summary> show_scope() const;
  /// The same, completed by a handler.
  void show_scope(completion_handler<scope_summary> done) const;

  /// Changes what this scope may not exceed, which is made if nothing was ever
  /// written to it; answers what holds from now on. Needs `admin`, by a key
  /// rooted above: nobody lifts their own limits. Fails with
  /// `invalid_argument`, and for an organization, see
  /// `organization::configure`.
  result<quota> configure_scope(quota_changes changes) const;
  /// The same, completed by a handler.
  void configure_scope(quota_changes changes,
                       completion_handler<quota> done) const;

  /// Erases this scope and all below it: the keys are destroyed first, so that
  /// nothing of it opens any more, also not from a copy of the disk made
  /// before; then its name is refused, with `erased`. Needs `admin`. Fails with
  /// `not_found`, with `invalid_argument` for an organization, with
  /// `overloaded`, or with `unavailable`: then it may have begun, and goes on
  /// by itself. Memories that were shared from it to elsewhere stay, and the
  /// receipt counts them, unless the options say that they go, too.
  result<erasure_receipt> erase_scope(erase_options options = {}) const;
  /// The same, completed by a handler.
  void erase_scope(completion_handler<erasure_receipt> done) const;
  void erase_scope(erase_options options,
                   completion_handler<erasure_receipt> done) const;

  /// The receipt of this scope, which was erased, or of a session that has
  /// ended, named like for `renew_session`: however that came about, and in
  /// whatever process. Needs `audit`. Fails with `not_found` where the audit
  /// trail of the scope above tells of none.
  result<erasure_receipt> find_receipt(std::string_view name = {}) const;
  /// The same, completed by a handler.
  void find_receipt(std::string_view name,
                    completion_handler<erasure_receipt> done) const;

  /// Lets the name of this scope, which was erased, be used again: it begins
  /// empty, with new keys, and old API keys stay dead. Needs `admin`, by a key
  /// rooted above. Fails with `conflict` if the name is not refused.
  result<void> reinstate_scope() const;
  /// The same, completed by a handler.
  void reinstate_scope(completion_handler<void> done) const;

  /// Who did what in this scope, newest first.
  result<audit_list> list_audit(audit_options options = {}) const;
  /// The same, completed by a handler.
  void list_audit(audit_options options,
                  completion_handler<audit_list> done) const;

  /// Signs where the audit chains of this scope and of all below end. Needs
  /// `audit`.
  result<audit_checkpoint> make_checkpoint() const;
  /// The same, completed by a handler.
  void make_checkpoint(completion_handler<audit_checkpoint> done) const;

  /// Writes the audit trails of this scope and of all below, those that ended
  /// too, line by line; see audit_export.hpp. `sink` is called on threads of
  /// the runtime. Needs `audit`.
  result<audit_export_summary> export_audit(audit_line_sink sink) const;
  /// The same, completed by a handler.
  void export_audit(audit_line_sink sink,
                    completion_handler<audit_export_summary> done) const;

  /// Verifies the chain of this scope and of all below; against a checkpoint of
  /// the same scope, if one is given. Fails with `corrupted` if that is not
  /// genuine, and with `invalid_argument` if it is another scope's.
  result<audit_verification>
  verify_audit(const std::optional<audit_checkpoint>& against = {}) const;
  /// The same, completed by a handler.
  void verify_audit(completion_handler<audit_verification> done) const;

  struct impl;
  explicit client(std::shared_ptr<const impl> parts);

private:
  std::shared_ptr<const impl> impl_;
};

} // namespace cloister
