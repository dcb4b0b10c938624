// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "runtime/runtime.hpp"

/// Feedback, exports, settings and webhooks: what mem0's API keeps besides
/// memories, as memories of a scope of its own below the key's root, sealed and
/// audited like all others.
namespace cloister::server::mem0 {

class call;

struct document {
  memory_id id;
  /// "webhook.<its key>".
  std::string key;
  boost::json::object content;
  timestamp created_at;
  timestamp updated_at;
};

/// The documents of one kind, e.g. "webhook", by keys that are unique in it.
/// The server writes them, once it has looked at what the key may. An
/// administrator can write there by other ways, too: each document bears a
/// proof of this store, and what has none is none.
class documents {
public:
  documents(runtime store, client where, std::string kind)
    : store_(std::move(store)),
      where_(std::move(where)),
      kind_(std::move(kind)) {}

  /// Those below a key's root. Fails with `invalid_argument` where its root can
  /// have none.
  static result<documents> of(const call& from, std::string kind);

  /// Replaces what is there. It is gone by itself at `expires_at`, if that is
  /// given.
  result<document> put(const std::string& key,
                       const boost::json::object& content,
                       std::optional<timestamp> expires_at = {}) const;
  /// Nothing if there is none.
  result<std::optional<document>> get(const std::string& key) const;
  /// The oldest first.
  result<std::vector<document>> all() const;
  result<void> remove(const memory_id& id) const;

private:
  result<std::vector<document>> matching(std::optional<std::string> key) const;
  std::string proof_of(std::string_view key,
                       const boost::json::object& content) const;
  std::optional<document> document_of(const memory& value) const;

  runtime store_;
  client where_;
  std::string kind_;
};

} // namespace cloister::server::mem0
