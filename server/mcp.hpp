// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "runtime/client.hpp"
#include "server/mcp_notifications.hpp"
#include "server/mcp_rpc.hpp"

/// The Model Context Protocol (modelcontextprotocol.io), whatever carries its
/// messages.
namespace cloister::server {

/// The newest version that begins with `initialize`, and the older ones.
constexpr std::string_view mcp_version = "2025-11-25";
std::span<const std::string_view> mcp_versions();
bool speaks_mcp_version(std::string_view version);

/// Handles one message for whoever the client is bound to: the scope comes from
/// the connection, never from a message. Replies at once, or on a thread of the
/// runtime. What is subscribed to is kept in `wanted`, for whoever sends
/// notifications; null where nobody does. A message that says its revision by
/// itself is answered as that has it (mcp_stateless.hpp).
void handle_mcp(const client& bound, const boost::json::value& message,
                const mcp_subscriptions_ptr& wanted, mcp_reply reply);

/// "tools/call" of "add_memory" is "mcp.add_memory", for logs and metrics.
std::string mcp_operation(const boost::json::value& message);

} // namespace cloister::server
