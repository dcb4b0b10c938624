// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/mcp.hpp"

/// Memories as resources of MCP: memory://SCOPE/ID, of the bound scope alone.
namespace cloister::server {

std::string resource_uri(const scope& where, const memory_id& id);

/// Whether a URI can be one of the bound scope; nobody learns from it whether
/// there is such a memory.
bool is_resource_of(const client& bound, const boost::json::value& uri);

/// Begins, or ends, being told of a resource.
void subscribe(const client& bound, const mcp_subscriptions_ptr& to,
               const boost::json::value& id, const boost::json::object& params,
               const mcp_reply& reply, bool is_wanted);

/// Newest first, a page at a time.
void list_resources(const client& bound, const boost::json::value& id,
                    const boost::json::object& params, const mcp_reply& reply);
void read_resource(const client& bound, const boost::json::value& id,
                   const boost::json::object& params, const mcp_reply& reply);
boost::json::value resource_templates();

} // namespace cloister::server
