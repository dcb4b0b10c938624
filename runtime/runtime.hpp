// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "runtime/types.hpp"

/// The public C++ interface: open a store, bind a client, use it. All calls
/// block, are thread-safe, and answer values instead of throwing.
namespace cloister {

struct runtime_options {
  std::string data_dir = "cloister-data";
  /// Where the master key is; the user's configuration folder if absent.
  std::optional<std::string> master_key_file;
  /// Create the store and its key file if there is none.
  bool create = true;
  bool allow_personal_ids = false;
  std::size_t memory_budget_bytes = limits::node_memory_budget_bytes_default;
  std::size_t content_cache_bytes = limits::scope_content_cache_bytes_max;
  std::chrono::milliseconds scope_idle = limits::scope_idle_default;
  /// How often expired memories are looked for; 0 for only when told to.
  std::chrono::milliseconds sweep_interval{5000};
  std::size_t loader_threads = 2;
  std::size_t scheduler_threads = 0;
  std::shared_ptr<const clock> time;
};

class client;
class organization;

/// An opened store and the actors that own its scopes. Copies share it; it
/// closes with the last copy, client or organization.
class runtime {
public:
  /// Opens the store, creating it where allowed. Fails with `not_found`,
  /// `unavailable` (another process holds it), `sealed` (wrong master key) or
  /// `corrupted`.
  static result<runtime> open(const runtime_options& options = {});

  /// The operator's own handle of an organization, which is created if needed.
  result<cloister::organization> organization(std::string_view name) const;

  /// Creates an organization and a key with all permissions. Fails with
  /// `conflict` if it exists.
  result<new_key> create_organization(std::string_view name) const;

  /// The same for one that exists; fails with `not_found`.
  result<cloister::organization>
  existing_organization(std::string_view name) const;

  result<scope_listing> list_organizations() const;

  /// A client for the holder of an API key. `user_id` is resolved below the
  /// key's root; empty for the root itself. Fails with `unauthenticated`,
  /// `invalid_argument` or `forbidden`.
  result<cloister::client> client(std::string_view api_key,
                                  std::string_view user_id = {}) const;

  /// The node's own chain: the operator's acts and refusals at the door.
  result<audit_list> list_node_audit(const audit_options& options = {}) const;

  /// Verifies every chain of the store.
  result<audit_verification> verify_all() const;

  /// Removes what has expired by now, in the background.
  void sweep() const;

  struct impl;
  explicit runtime(std::shared_ptr<impl> parts);

private:
  friend struct runtime_access;
  result<cloister::organization> open_organization(std::string_view name,
                                                   int how) const;
  std::shared_ptr<impl> impl_;
};

/// One organization, with the operator's authority.
class organization {
public:
  result<cloister::client> client(std::string_view user_id = {}) const;
  result<new_key> create_key(key_options options) const;

  result<organization_settings> settings() const;
  /// Answers the settings that hold from now on. After another language was
  /// chosen, each scope is indexed again when it is used next.
  result<organization_settings>
  configure(const organization_changes& changes) const;

  struct impl;
  explicit organization(std::shared_ptr<impl> parts);

private:
  std::shared_ptr<impl> impl_;
};

/// Memories of one scope, within what its authority allows. A scope that was
/// never written to reads as empty.
class client {
public:
  const scope& bound_to() const;

  result<memory> create_memory(memory_draft draft) const;
  /// All or none; at most `limits::batch_memories_max`.
  result<std::vector<memory>>
  create_memories(std::vector<memory_draft> drafts) const;
  /// Like `create_memories`, for drafts with idempotency keys: passes over
  /// those that were stored before, even if they were deleted since. Answers
  /// how many were stored.
  result<std::size_t> import_memories(std::vector<memory_draft> drafts) const;
  result<memory> get_memory(const memory_id& id) const;
  result<memory_list> list_memories(list_options options = {}) const;
  result<search_results> search_memories(search_options options) const;
  /// Fails with `conflict` if `if_revision` is not the newest one.
  result<memory> update_memory(const memory_id& id, memory_patch patch,
                               std::optional<std::uint32_t> if_revision
                               = {}) const;
  result<void> delete_memory(const memory_id& id,
                             std::optional<std::uint32_t> if_revision
                             = {}) const;
  /// Answers how many were deleted.
  result<std::uint64_t> delete_all_memories() const;
  /// Newest first.
  result<std::vector<memory>> memory_history(const memory_id& id) const;
  /// Makes an old revision's content the newest.
  result<memory> restore_memory(const memory_id& id,
                                std::uint32_t revision) const;
  /// Copies a memory to another scope, named like a user_id.
  result<located_memory> share_memory(const memory_id& id,
                                      std::string_view to) const;

  result<new_key> create_key(key_options options) const;
  result<std::vector<key_info>> list_keys() const;
  result<key_info> revoke_key(std::string_view key_id) const;

  result<scope_listing> list_scopes() const;
  result<scope_summary> show_scope() const;
  result<audit_list> list_audit(const audit_options& options = {}) const;
  /// Verifies the chain of this scope and of all below.
  result<audit_verification> verify_audit() const;

  struct impl;
  explicit client(std::shared_ptr<impl> parts);

private:
  std::shared_ptr<impl> impl_;
};

} // namespace cloister
