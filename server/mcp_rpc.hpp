// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "core/error.hpp"

/// JSON-RPC 2.0, as the Model Context Protocol has it.
namespace cloister::server {

// Codes of JSON-RPC, and of the protocol.
constexpr int rpc_parse_error = -32700;
constexpr int rpc_invalid_request = -32600;
constexpr int rpc_method_not_found = -32601;
constexpr int rpc_invalid_params = -32602;
constexpr int rpc_internal_error = -32603;
constexpr int rpc_resource_not_found = -32002;
constexpr int rpc_header_mismatch = -32020;
constexpr int rpc_unsupported_version = -32022;

/// A request, once it is known to be one.
struct rpc_call {
  /// A text or a number.
  boost::json::value id;
  std::string method;
  boost::json::object params;
};

/// Answers of both kinds; `data` is left away where it is null.
boost::json::object rpc_result(const boost::json::value& id,
                               boost::json::value result);
boost::json::object rpc_error(const boost::json::value& id, int code,
                              std::string_view message,
                              boost::json::value data = nullptr);

/// The code of an answer, or 0 where it is none of an error.
int rpc_error_code(const boost::json::object& answer);

/// What an answer says came of a request, for logs and metrics: also where a
/// tool tells the model of a failure.
errc rpc_outcome(const boost::json::object& answer);

/// How many results a message asks for at most.
std::size_t results_wanted(const boost::json::value& message);

/// Called once with the answer; with nothing for what has none.
using mcp_reply = std::function<void(std::optional<boost::json::object>)>;

/// Reads a message. Where it is no request it is answered, or passed over, and
/// nothing is returned.
std::optional<rpc_call> read_rpc_call(const boost::json::value& message,
                                      const mcp_reply& reply);

} // namespace cloister::server
