// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include <boost/json/object.hpp>

#include "runtime/client.hpp"
#include "server/mcp_notifications.hpp"

/// The Model Context Protocol (modelcontextprotocol.io), whatever carries its
/// messages.
namespace cloister::server {

/// The newest version that is spoken, and the others.
constexpr std::string_view mcp_version = "2025-11-25";
bool speaks_mcp_version(std::string_view version);

/// JSON-RPC 2.0: answers of both kinds.
boost::json::object rpc_result(const boost::json::value& id,
                               boost::json::value result);
boost::json::object rpc_error(const boost::json::value& id, int code,
                              std::string_view message);

// Codes of JSON-RPC, and of the protocol.
constexpr int rpc_parse_error = -32700;
constexpr int rpc_invalid_request = -32600;
constexpr int rpc_method_not_found = -32601;
constexpr int rpc_invalid_params = -32602;
constexpr int rpc_internal_error = -32603;
constexpr int rpc_resource_not_found = -32002;

/// Called once with the answer; with nothing for what has none.
using mcp_reply = std::function<void(std::optional<boost::json::object>)>;

/// Handles one message for whoever the client is bound to: the scope comes from
/// the connection, never from a message. Replies at once, or on a thread of the
/// runtime. What is subscribed to is kept in `wanted`, for whoever sends
/// notifications; null where nobody does.
void handle_mcp(const client& bound, const boost::json::value& message,
                const mcp_subscriptions_ptr& wanted, mcp_reply reply);

/// "tools/call" of "add_memory" is "mcp.add_memory", for logs and metrics.
std::string mcp_operation(const boost::json::value& message);

} // namespace cloister::server
