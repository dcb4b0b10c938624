// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>

#include "engine/requests.hpp"
#include "engine/services.hpp"

namespace cloister::engine {

/// Puts names to the pseudonyms and key ids in audit entries of one
/// organization, or of the node. Reads the disk. One thread at a time.
class name_resolver {
public:
  /// Any scope of the organization; null for the node.
  name_resolver(const services& with, persistence::identity_ptr identity)
    : with_(with), identity_(std::move(identity)) {}

  /// Puts names into a line.
  void name(audit_line& line);

  /// A key's label, its id where it has none, or "operator" and the like.
  std::string principal_of(const auth::audit_entry& entry);

private:
  std::string scope_of(const auth::pseudonym& pseudonym);
  std::string scope_tagged(const persistence::scope_tag& tag);
  std::string node_scope(const auth::pseudonym& pseudonym);
  std::string label_of(const auth::key_id& id);

  const services& with_;
  persistence::identity_ptr identity_;
  std::map<auth::key_id, std::string> principals_;
};

} // namespace cloister::engine
