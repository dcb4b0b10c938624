// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include "runtime/backup.hpp"
#include "runtime/erasure_list.hpp"
#include "runtime/rotation.hpp"
#include "runtime/runtime.hpp"

namespace cloister::cli {

struct server_connection;

/// Its first key, which is shown once.
struct made_organization {
  std::string api_key;
};

/// What `organization` does for the operator, at a server.
class remote_organization {
public:
  remote_organization(std::shared_ptr<server_connection> to, std::string name)
    : to_(std::move(to)), name_(std::move(name)) {}

  result<organization_settings> settings() const;
  result<organization_settings> configure(organization_changes changes) const;
  result<new_key> create_key(const key_options& options) const;

private:
  std::shared_ptr<server_connection> to_;
  std::string name_;
};

/// What `runtime` does for the operator, at a server: the same calls, with the
/// same meaning, for one thread, by the operator's key.
class remote_operator {
public:
  static result<remote_operator> to(const std::string& url,
                                    const std::string& operator_key);

  result<made_organization> create_organization(std::string_view name) const;
  result<scope_listing> list_organizations() const;
  result<remote_organization>
  existing_organization(std::string_view name) const;
  result<organization_erasure>
  erase_organization(std::string_view name,
                     std::chrono::milliseconds delay) const;
  result<void> keep_organization(std::string_view name) const;
  result<void> reinstate_organization(std::string_view name) const;
  result<erasure_receipt>
  find_organization_receipt(std::string_view name) const;
  result<erasure_list> list_erased() const;
  result<audit_list> list_node_audit(const audit_options& options) const;
  result<audit_pruning> prune_audit(std::string_view scope,
                                    timestamp before) const;
  /// To a file on the server. Nobody is told how far it is.
  result<backup_summary> back_up(const std::string& path,
                                 const backup_watcher& watch = {}) const;
  /// The server's new key is made where the former one is.
  result<rotation_report>
  rotate_master_key(const rotation_options& options) const;
  /// `{"healthy", "findings", …}`, as the server answers.
  result<std::string> diagnose() const;

private:
  explicit remote_operator(std::shared_ptr<server_connection> to)
    : to_(std::move(to)) {}

  std::shared_ptr<server_connection> to_;
};

} // namespace cloister::cli
