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

/// To what has no answer.
void accept_rpc(const exchange_ptr& call);

} // namespace cloister::server
