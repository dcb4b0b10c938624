// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "server/mcp_notifications.hpp"

namespace cloister::server {

/// A connection of MCP over HTTP, between its requests.
struct mcp_session {
  /// Digest of the key that it was begun with: nobody else may go on with it.
  std::string key_digest;
  /// Of that key; those that were narrowed from it have the same.
  std::string key_id;
  /// What it is bound to; empty for the key's root.
  std::string user_id;
  std::string version;
  /// The session of Cloister that was opened for it and ends with it, by its
  /// path; empty for none.
  std::string scope = {};
  /// Whose it is: nobody makes others' go by having many.
  std::string organization = {};
  mcp_subscriptions_ptr wanted = std::make_shared<mcp_subscriptions>();
};

/// Those that are open; of an organization that has too many, the one that was
/// used longest ago makes place, of the same key if it has any.
/// Thread-safe.
class mcp_sessions {
public:
  /// Answers its id.
  std::string add(mcp_session session);
  /// Nothing if there is none, or if it is not theirs.
  std::optional<mcp_session> find(const std::string& id,
                                  const std::string& key_digest);
  void remove(const std::string& id);

private:
  struct entry {
    std::string id;
    mcp_session session;
  };

  std::mutex mutex_;
  /// The last used comes first.
  std::list<entry> entries_;
  std::map<std::string, std::list<entry>::iterator> places_;
  std::map<std::string, std::size_t> of_organizations_;
};

} // namespace cloister::server
