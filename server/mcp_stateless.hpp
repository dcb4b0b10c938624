// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>

#include "runtime/client.hpp"
#include "server/mcp_rpc.hpp"

/// The revision of the Model Context Protocol that has no connections: each
/// request says in `_meta` which revision it is of, and what whoever sent it
/// can do (modelcontextprotocol.io/specification/2026-07-28).
namespace cloister::server {

constexpr std::string_view mcp_stateless_version = "2026-07-28";

/// Whether a message says by itself which revision it is of, or is one that
/// only such revisions have.
bool is_stateless(const boost::json::value& message);

/// The version that a request names in `_meta`; nothing where it names none.
std::optional<std::string> mcp_version_of(const rpc_call& call);

/// The answer to a request that does not say what it has to, if so.
std::optional<boost::json::object> refused_meta(const rpc_call& call);
/// The same for a revision that is not spoken.
std::optional<boost::json::object> refused_version(const rpc_call& call);

/// Answers a request; `subscriptions/listen` is for whoever carries messages,
/// and is said to be there where `has_notifications`.
void handle_stateless(const client& bound, const rpc_call& call,
                      bool has_notifications, const mcp_reply& reply);

/// A result as this revision has them: complete, and whose it is.
boost::json::object complete_result(boost::json::object result);

} // namespace cloister::server
