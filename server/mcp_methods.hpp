// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/json/value.hpp>

#include "runtime/client.hpp"
#include "server/mcp_rpc.hpp"

/// What the Model Context Protocol has in all its revisions.
namespace cloister::server {

/// Answers tools/list, tools/call, resources/list, resources/read and
/// resources/templates/list; false for what is none of these.
bool handle_shared_method(const client& bound, const rpc_call& call,
                          const mcp_reply& reply);

boost::json::object mcp_capabilities(bool has_notifications);
/// The program's name and version.
boost::json::object mcp_server_info();
/// Of the model: what the memories are for.
std::string mcp_instructions(const client& bound);

} // namespace cloister::server
