// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include "runtime/client.hpp"
#include "runtime/types.hpp"
#include "server/http_client.hpp"

namespace cloister::cli {

struct server_connection;

/// A session that was opened at a server. Ends by its timeouts, or when it is
/// told to.
class remote_session {
public:
  explicit remote_session(session_info info) : info_(std::move(info)) {}
  const session_info& info() const {
    return info_;
  }
  void detach() {}

private:
  session_info info_;
};

/// What `client` does, at a server: the same calls, with the same meaning, for
/// one thread. Reports `unavailable` where no answer comes.
class remote_client {
public:
  /// Asks the server whose the key is. Fails as it answers.
  static result<remote_client> to(const std::string& url,
                                  const std::string& api_key,
                                  const std::string& user_id);

  const scope& bound_to() const {
    return bound_to_;
  }

  result<memory> create_memory(memory_draft draft) const;
  result<std::size_t> import_memories(std::vector<memory_draft> drafts) const;
  result<memory> get_memory(const memory_id& id) const;
  result<memory_list> list_memories(const list_options& options = {}) const;
  result<search_results> search_memories(const search_options& options) const;
  result<memory> update_memory(const memory_id& id, const memory_patch& patch,
                               std::optional<std::uint32_t> if_revision
                               = {}) const;
  result<void> delete_memory(const memory_id& id,
                             std::optional<std::uint32_t> if_revision
                             = {}) const;
  result<std::uint64_t> delete_all_memories() const;
  result<std::vector<memory>> memory_history(const memory_id& id) const;
  result<memory> restore_memory(const memory_id& id,
                                std::uint32_t revision) const;
  result<located_memory> share_memory(const memory_id& id,
                                      std::string_view to) const;

  result<remote_session> open_session(const session_options& options) const;
  result<std::vector<session_info>> list_sessions() const;
  result<session_info> renew_session(std::string_view name) const;
  result<erasure_receipt> end_session(std::string_view name) const;
  result<std::vector<located_memory>>
  promote_memories(const std::vector<memory_id>& ids,
                   std::string_view to) const;

  result<new_key> create_key(const key_options& options) const;
  result<std::vector<key_info>> list_keys() const;
  result<key_info> revoke_key(std::string_view key) const;

  result<scope_listing> list_scopes() const;
  result<scope_summary> show_scope() const;
  result<quota> configure_scope(const quota_changes& changes) const;
  result<erasure_receipt> erase_scope(const erase_options& options = {}) const;
  result<erasure_receipt> find_receipt(std::string_view name = {}) const;
  result<void> reinstate_scope() const;

  result<audit_list> list_audit(const audit_options& options) const;
  result<audit_checkpoint> make_checkpoint() const;
  result<audit_export_summary> export_audit(const audit_line_sink& sink) const;
  /// Against a checkpoint only embedded.
  result<audit_verification>
  verify_audit(const std::optional<audit_checkpoint>& against = {}) const;

private:
  remote_client(std::shared_ptr<server_connection> to, scope bound_to)
    : to_(std::move(to)), bound_to_(std::move(bound_to)) {}

  std::string own_path() const;

  std::shared_ptr<server_connection> to_;
  scope bound_to_;
};

} // namespace cloister::cli
