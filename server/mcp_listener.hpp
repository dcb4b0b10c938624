// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <vector>

#include "server/mcp_notifications.hpp"
#include "server/mcp_rpc.hpp"

namespace cloister::server {

/// What a request of `subscriptions/listen` is told, from its acknowledgement
/// on (modelcontextprotocol.io/specification/2026-07-28/basic/patterns,
/// subscriptions). Thread-safe: it does not change.
class mcp_listener {
public:
  /// Reads a request, or answers why it is none. What is asked for of others'
  /// scopes is left away, as what there is none of: it is not acknowledged.
  static std::optional<mcp_listener>
  read(const client& bound, const rpc_call& call, const mcp_reply& reply);

  /// Of the request.
  const boost::json::value& id() const {
    return id_;
  }
  /// The first message.
  boost::json::object acknowledged() const;
  /// What is told of an event.
  std::vector<boost::json::object> told(const client& bound,
                                        const memory_event& event) const;
  /// The answer to the request, once it is over.
  boost::json::object ended() const;

private:
  boost::json::object subscription() const;

  boost::json::value id_;
  bool wants_lists_ = false;
  bool wants_resources_ = false;
  mcp_subscriptions_ptr resources_ = std::make_shared<mcp_subscriptions>();
};

/// Whether a message asks for such notifications.
bool is_listen(const boost::json::value& message);

} // namespace cloister::server
