// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/exchange.hpp"
#include "server/mcp_rpc.hpp"

/// Answers of the Streamable HTTP transport of MCP, whatever the revision.
namespace cloister::server {

void answer_rpc(const exchange_ptr& call, const boost::json::object& message,
                unsigned status,
                std::vector<std::pair<std::string, std::string>> headers = {});

/// Keeps something until it is answered.
mcp_reply holding(std::shared_ptr<void> what, mcp_reply reply);

/// To what has no answer.
void accept_rpc(const exchange_ptr& call);

} // namespace cloister::server
