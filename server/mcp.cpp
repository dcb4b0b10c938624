// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp.hpp"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "server/mcp_methods.hpp"
#include "server/mcp_resources.hpp"
#include "server/mcp_stateless.hpp"
#include "server/mcp_tools.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> versions{mcp_version, "2025-06-18",
                                                   "2025-03-26", "2024-11-05"};

json::value initialize(const client& bound, const json::object& params,
                       bool has_notifications) {
  auto asked = params.if_contains("protocolVersion");
  auto known = asked != nullptr && asked->is_string()
               && speaks_mcp_version(asked->get_string());
  return json::object{
    {"protocolVersion", known ? *asked : json::value(mcp_version)},
    {"capabilities", mcp_capabilities(has_notifications)},
    {"serverInfo", mcp_server_info()},
    {"instructions", mcp_instructions(bound)}};
}

void handle_request(const client& bound, const rpc_call& call,
                    const mcp_subscriptions_ptr& wanted,
                    const mcp_reply& reply) {
  if (handle_shared_method(bound, call, reply))
    return;
  if (call.method == "initialize")
    return reply(
      rpc_result(call.id, initialize(bound, call.params, wanted != nullptr)));
  if (call.method == "ping")
    return reply(rpc_result(call.id, json::object{}));
  if (wanted && call.method == "resources/subscribe")
    return subscribe(bound, wanted, call.id, call.params, reply, true);
  if (wanted && call.method == "resources/unsubscribe")
    return subscribe(bound, wanted, call.id, call.params, reply, false);
  reply(rpc_error(call.id, rpc_method_not_found,
                  "this server does not have that method"));
}

} // namespace

std::span<const std::string_view> mcp_versions() {
  return versions;
}

bool speaks_mcp_version(std::string_view version) {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

void handle_mcp(const client& bound, const json::value& message,
                const mcp_subscriptions_ptr& wanted, mcp_reply reply) {
  auto call = read_rpc_call(message, reply);
  if (!call)
    return;
  if (is_stateless(message))
    return handle_stateless(bound, *call, wanted != nullptr, reply);
  handle_request(bound, *call, wanted, reply);
}

std::string mcp_operation(const json::value& message) {
  auto object = message.if_object();
  auto method = object != nullptr ? object->if_contains("method") : nullptr;
  if (method == nullptr || !method->is_string())
    return "mcp";
  if (*method != "tools/call")
    return "mcp";
  auto params = object->if_contains("params");
  auto name = params != nullptr && params->is_object()
                ? params->get_object().if_contains("name")
                : nullptr;
  if (name == nullptr || !name->is_string()
      || find_tool(name->get_string(), permissions::all) == nullptr)
    return "mcp";
  return "mcp." + std::string{name->get_string()};
}

} // namespace cloister::server
