// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "runtime/backup.hpp"
#include "runtime/client.hpp"
#include "runtime/narrow_key.hpp"
#include "runtime/rotation.hpp"
#include "runtime/session.hpp"
#include "runtime/types.hpp"

namespace caf {
class actor_system;
}

/// The public C++ interface: open a store, bind a client, use it. Calls are
/// thread-safe and answer values instead of throwing; each exists twice, one
/// that blocks and one that calls a handler.
namespace cloister {

/// How to open a store.
struct runtime_options {
  std::string data_dir = "cloister-data";
  /// Where the master key is; the user's configuration folder if absent.
  std::optional<std::string> master_key_file = {};
  /// Or a command of the shell that prints it, such as a key service's.
  std::optional<std::string> master_key_command = {};
  /// Or the passphrase that the store was made with; for a new store, one that
  /// its key is to come of.
  std::optional<std::string> passphrase = {};
  /// Create the store and its key file if there is none.
  bool create = true;
  bool allow_personal_ids = false;
  std::size_t memory_budget_bytes = limits::node_memory_budget_bytes_default;
  std::size_t content_cache_bytes = limits::scope_content_cache_bytes_max;
  std::chrono::milliseconds scope_idle = limits::scope_idle_default;
  /// How often expired memories are looked for; 0 for only when told to.
  std::chrono::milliseconds sweep_interval{5000};
  /// What was removed can be read by nobody after this, also not with the
  /// master key and what LevelDB has not compacted: the records that stay are
  /// moved to another key, and the former one is destroyed.
  std::chrono::milliseconds purge_within = limits::purge_within_default;
  /// A command of the shell that keeps checkpoints elsewhere: it gets one as a
  /// JSON document on its standard input at once, and then every so often. One
  /// that fails, or takes longer than 30 seconds, is logged and tried again.
  std::optional<std::string> checkpoint_command = {};
  std::chrono::milliseconds checkpoint_interval = std::chrono::minutes{5};
  std::size_t loader_threads = 2;
  std::size_t scheduler_threads = 0;
  std::shared_ptr<const clock> time = {};
  /// A program's own actor system to join, which must outlive the runtime. It
  /// should run CAF's scheduler policy `sharing`: with the default `stealing`
  /// blocking calls are several times slower, and a warning says so.
  caf::actor_system* system = nullptr;
};

class organization;

/// An opened store and the actors that own its scopes. Copies share it; it
/// closes with the last copy, client or organization.
class runtime {
public:
  /// Opens the store, creating it where allowed, and waits for a former runtime
  /// of this process that is still closing it. Fails with `not_found`,
  /// `unavailable` (another process holds it) or `corrupted`. Where the master
  /// key is missing or another store's, what is opened is sealed: it answers
  /// `sealed` to everything, and says what to do.
  static result<runtime> open(const runtime_options& options = {});

  /// Why everything is answered with `sealed`; nothing if it is not.
  std::optional<error> sealed() const;

  /// The operator's own handle of an organization, which is created if needed.
  result<cloister::organization> organization(std::string_view name) const;
  /// The same, completed by a handler.
  void organization(std::string_view name,
                    completion_handler<cloister::organization> done) const;

  /// Creates an organization and a key with all permissions. Fails with
  /// `conflict` if it exists.
  result<new_key> create_organization(std::string_view name) const;
  /// The same, completed by a handler.
  void create_organization(std::string_view name,
                           completion_handler<new_key> done) const;

  /// The same for one that exists; fails with `not_found`.
  result<cloister::organization>
  existing_organization(std::string_view name) const;
  /// The same, completed by a handler.
  void
  existing_organization(std::string_view name,
                        completion_handler<cloister::organization> done) const;

  /// Erases an organization with all that is in it, in two steps: it is
  /// disabled at once, and destroyed after a delay, which ends while a runtime
  /// has the store open. Without a delay it is destroyed at once, and there is
  /// a receipt. Fails with `not_found` or `erased`.
  result<organization_erasure>
  erase_organization(std::string_view name,
                     std::chrono::milliseconds delay
                     = limits::organization_erasure_delay_default) const;
  /// The same, completed by a handler.
  void erase_organization(std::string_view name,
                          std::chrono::milliseconds delay,
                          completion_handler<organization_erasure> done) const;

  /// Lets one that is disabled be used again. Fails with `conflict` if it is
  /// not.
  result<void> keep_organization(std::string_view name) const;
  /// The same, completed by a handler.
  void keep_organization(std::string_view name,
                         completion_handler<void> done) const;

  /// Lets the name of one that was erased be used again, by a new one. Fails
  /// with `conflict` if it is not refused.
  result<void> reinstate_organization(std::string_view name) const;
  /// The same, completed by a handler.
  void reinstate_organization(std::string_view name,
                              completion_handler<void> done) const;

  /// The receipt of one that was erased, by whatever process and with or
  /// without somebody asking. Fails with `not_found` where the store's own
  /// audit trail tells of none.
  result<erasure_receipt>
  find_organization_receipt(std::string_view name) const;
  /// The same, completed by a handler.
  void
  find_organization_receipt(std::string_view name,
                            completion_handler<erasure_receipt> done) const;

  result<scope_listing> list_organizations() const;
  /// The same, completed by a handler.
  void list_organizations(completion_handler<scope_listing> done) const;

  /// A client for the holder of an API key. `user_id` is resolved below the
  /// key's root; empty for the root itself. Fails with `unauthenticated`,
  /// `invalid_argument` or `forbidden`.
  result<cloister::client> client(std::string_view api_key,
                                  std::string_view user_id = {}) const;
  /// The same with a key that was just made.
  result<cloister::client> client(const new_key& key,
                                  std::string_view user_id = {}) const;
  /// The same, completed by a handler.
  void client(std::string_view api_key, std::string_view user_id,
              completion_handler<cloister::client> done) const;

  /// The node's own chain: the operator's acts and refusals at the door.
  result<audit_list> list_node_audit(audit_options options = {}) const;
  /// The same, completed by a handler.
  void list_node_audit(audit_options options,
                       completion_handler<audit_list> done) const;

  /// Signs where every chain of the store ends.
  result<audit_checkpoint> make_checkpoint() const;
  /// The same, completed by a handler.
  void make_checkpoint(completion_handler<audit_checkpoint> done) const;

  /// Writes every audit trail of the store; see `client::export_audit`.
  result<audit_export_summary> export_audit(audit_line_sink sink) const;
  /// The same, completed by a handler.
  void export_audit(audit_line_sink sink,
                    completion_handler<audit_export_summary> done) const;

  /// Removes entries from before a time from the beginning of a scope's audit
  /// trail, which is named in full, and from those of scopes below that were
  /// erased; for an empty name, of the node's own trail and of organizations
  /// that were erased. A signed stub stands for what went, and the rest still
  /// verifies. What was interrupted is gone on with by the next call. Fails
  /// with `not_found`, or with `corrupted` where the trail does not verify.
  result<audit_pruning> prune_audit(std::string_view scope,
                                    timestamp before) const;
  /// The same, completed by a handler.
  void prune_audit(std::string_view scope, timestamp before,
                   completion_handler<audit_pruning> done) const;

  /// Verifies every chain of the store; against a checkpoint, if one is given.
  result<audit_verification>
  verify_all(const std::optional<audit_checkpoint>& against = {}) const;
  /// The same, completed by a handler.
  void verify_all(completion_handler<audit_verification> done) const;

  /// What this store signs receipts and checkpoints with.
  std::string receipt_key() const;

  /// Whether this is the operator's key, which `initialize` showed. Takes as
  /// long for a wrong one.
  bool is_operator_key(std::string_view text) const;

  /// What was erased from the store, signed: restoring an older backup asks for
  /// it.
  result<erasure_list> list_erased() const;
  /// The same, completed by a handler.
  void list_erased(completion_handler<erasure_list> done) const;

  /// Writes a backup while others use the store: `path` has the records as they
  /// are now, and `path` + ".keys" the keys that open them. Both are sealed to
  /// the recovery key that `init` showed. Works on the calling thread. On any
  /// failure there is neither file. Fails with `conflict` for a file that is
  /// there, or `unavailable`.
  result<backup_summary> back_up(const std::string& path,
                                 backup_watcher watch = {}) const;

  /// Gives the store another master key while it is used: what the former one
  /// wraps is wrapped anew, and its file is destroyed, unless backups need it.
  /// Interrupted anywhere it goes on at the next start, which either key opens.
  /// Fails with `conflict` if one is under way, with `invalid_argument`, or
  /// with `unavailable`: then it may have begun, and goes on when this is
  /// called again.
  result<rotation_report> rotate_master_key(const rotation_options& options
                                            = {}) const;

  /// What it does, for measurements; all zero while it is sealed. Costs little.
  runtime_statistics statistics() const;

  /// Removes what has expired by now, and ends the sessions that are due, in
  /// the background.
  void sweep() const;

  struct impl;
  explicit runtime(std::shared_ptr<impl> parts);

private:
  friend struct runtime_access;
  std::shared_ptr<impl> impl_;
};

/// One organization, with the operator's authority.
class organization {
public:
  /// A client of one of its scopes; of itself for an empty user_id.
  result<cloister::client> client(std::string_view user_id = {}) const;
  /// The same, completed by a handler.
  void client(std::string_view user_id,
              completion_handler<cloister::client> done) const;

  /// A key for others, shown once.
  result<new_key> create_key(key_options options) const;
  /// The same, completed by a handler.
  void create_key(key_options options, completion_handler<new_key> done) const;

  result<organization_settings> settings() const;
  /// The same, completed by a handler.
  void settings(completion_handler<organization_settings> done) const;

  /// Answers the settings that hold from now on. After another language was
  /// chosen, each scope is indexed again when it is used next.
  result<organization_settings> configure(organization_changes changes) const;
  /// The same, completed by a handler.
  void configure(organization_changes changes,
                 completion_handler<organization_settings> done) const;

  struct impl;
  explicit organization(std::shared_ptr<const impl> parts);

private:
  std::shared_ptr<const impl> impl_;
};

} // namespace cloister
