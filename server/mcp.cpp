// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp.hpp"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "core/version.hpp"
#include "server/mcp_resources.hpp"
#include "server/mcp_tools.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> versions{mcp_version, "2025-06-18",
                                                   "2025-03-26", "2024-11-05"};

/// A request, once it is known to be one.
struct rpc_call {
  json::value id;
  std::string method;
  json::object params;
};

json::value initialize(const client& bound, const json::object& params,
                       bool has_notifications) {
  auto asked = params.if_contains("protocolVersion");
  auto known = asked != nullptr && asked->is_string()
               && speaks_mcp_version(asked->get_string());
  return json::object{
    {"protocolVersion", known ? *asked : json::value(mcp_version)},
    {"capabilities",
     json::object{
       {"tools", json::object{{"listChanged", false}}},
       {"resources", json::object{{"subscribe", has_notifications},
                                  {"listChanged", has_notifications}}}}},
    {"serverInfo", json::object{{"name", "cloister"},
                                {"title", "Cloister"},
                                {"version", version_text}}},
    {"instructions",
     "Memories of " + std::string{bound.bound_to().path()}
       + ". Search them before answering, and add what is worth keeping."}};
}

json::value list_tools(const client& bound) {
  json::array out;
  for (const auto& each : all_tools())
    if (find_tool(each.name, bound.allowed()) != nullptr)
      out.push_back(description_of(each));
  return json::object{{"tools", std::move(out)}};
}

/// What went wrong in a tool is for the model, which can do better.
json::object told_to_model(const error& why) {
  auto text = std::string{to_string(why.code)} + ": " + why.detail;
  return {
    {"content", json::array{json::object{{"type", "text"}, {"text", text}}}},
    {"isError", true}};
}

void call_tool(const client& bound, rpc_call call, const mcp_reply& reply) {
  auto name = call.params.if_contains("name");
  auto found = name != nullptr && name->is_string()
                 ? find_tool(name->get_string(), bound.allowed())
                 : nullptr;
  if (found == nullptr)
    return reply(rpc_error(call.id, rpc_invalid_params,
                           "there is no such tool; tools/list has those that "
                           "the key permits"));
  json::object arguments;
  if (auto given = call.params.if_contains("arguments")) {
    if (!given->is_object())
      return reply(
        rpc_error(call.id, rpc_invalid_params, "arguments is an object"));
    arguments = given->get_object();
  }
  found->run(
    bound, arguments, [reply, id = call.id](result<json::object> done) {
      if (done.has_error())
        return reply(rpc_result(id, told_to_model(done.error())));
      json::object text{{"type", "text"}, {"text", to_json_text(*done)}};
      reply(
        rpc_result(id, json::object{{"content", json::array{std::move(text)}},
                                    {"structuredContent", std::move(*done)},
                                    {"isError", false}}));
    });
}

/// Nothing is waited for that is not answered: what was cancelled is done.
void handle_request(const client& bound, rpc_call call,
                    const mcp_subscriptions_ptr& wanted,
                    const mcp_reply& reply) {
  if (call.method == "initialize")
    return reply(
      rpc_result(call.id, initialize(bound, call.params, wanted != nullptr)));
  if (call.method == "ping")
    return reply(rpc_result(call.id, json::object{}));
  if (call.method == "tools/list")
    return reply(rpc_result(call.id, list_tools(bound)));
  if (call.method == "tools/call")
    return call_tool(bound, std::move(call), reply);
  if (call.method == "resources/list")
    return list_resources(bound, call.id, call.params, reply);
  if (call.method == "resources/read")
    return read_resource(bound, call.id, call.params, reply);
  if (wanted && call.method == "resources/subscribe")
    return subscribe(bound, wanted, call.id, call.params, reply, true);
  if (wanted && call.method == "resources/unsubscribe")
    return subscribe(bound, wanted, call.id, call.params, reply, false);
  if (call.method == "resources/templates/list")
    return reply(rpc_result(call.id, resource_templates()));
  reply(rpc_error(call.id, rpc_method_not_found,
                  "this server does not have that method"));
}

} // namespace

bool speaks_mcp_version(std::string_view version) {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

json::object rpc_result(const json::value& id, json::value result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

json::object rpc_error(const json::value& id, int code,
                       std::string_view message) {
  return {{"jsonrpc", "2.0"},
          {"id", id},
          {"error", json::object{{"code", code}, {"message", message}}}};
}

void handle_mcp(const client& bound, const json::value& message,
                const mcp_subscriptions_ptr& wanted, mcp_reply reply) {
  auto object = message.if_object();
  auto version = object != nullptr ? object->if_contains("jsonrpc") : nullptr;
  if (version == nullptr || *version != "2.0")
    return reply(rpc_error(nullptr, rpc_invalid_request,
                           "this is no message of JSON-RPC 2.0"));
  auto id = object->if_contains("id");
  auto method = object->if_contains("method");
  // Answers to requests that were never sent.
  if (method == nullptr && id != nullptr)
    return reply(std::nullopt);
  if (method == nullptr || !method->is_string()
      || (id != nullptr && !id->is_string() && !id->is_number()))
    return reply(rpc_error(nullptr, rpc_invalid_request,
                           "a request has a method, and an id that is a text "
                           "or a number"));
  if (id == nullptr)
    return reply(std::nullopt);
  rpc_call call{*id, std::string{method->get_string()}, {}};
  if (auto params = object->if_contains("params")) {
    if (!params->is_object())
      return reply(rpc_error(*id, rpc_invalid_params, "params is an object"));
    call.params = params->get_object();
  }
  handle_request(bound, std::move(call), wanted, reply);
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
