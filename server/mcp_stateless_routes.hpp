// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/exchange.hpp"

/// The Streamable HTTP transport of the revision of MCP without connections
/// (modelcontextprotocol.io/specification/2026-07-28/basic/transports).
namespace cloister::server {

/// Whether a message is of that revision, by its header or by what it says.
bool is_stateless_request(const exchange& call,
                          const boost::json::value& message);

/// Answers a message that was posted.
void answer_stateless(const exchange_ptr& call,
                      const boost::json::value& message);

} // namespace cloister::server
