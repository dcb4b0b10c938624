// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_methods.hpp"

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "core/version.hpp"
#include "server/mcp_resources.hpp"
#include "server/mcp_tools.hpp"
#include "server/problem.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

json::value list_tools(const client& bound) {
  json::array out;
  for (const auto& each : all_tools())
    if (find_tool(each.name, bound.allowed()) != nullptr)
      out.push_back(description_of(each));
  return json::object{{"tools", std::move(out)}};
}

/// What went wrong in a tool is for the model, which can do better.
json::object told_to_model(const error& failed) {
  auto why = without_paths(failed);
  auto text = std::string{to_string(why.code)} + ": " + why.detail;
  return {
    {"content", json::array{json::object{{"type", "text"}, {"text", text}}}},
    {"isError", true}};
}

void call_tool(const client& bound, const rpc_call& call,
               const mcp_reply& reply) {
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

} // namespace

/// Nothing is waited for that is not answered: what was cancelled is done.
bool handle_shared_method(const client& bound, const rpc_call& call,
                          const mcp_reply& reply) {
  if (call.method == "tools/list")
    reply(rpc_result(call.id, list_tools(bound)));
  else if (call.method == "tools/call")
    call_tool(bound, call, reply);
  else if (call.method == "resources/list")
    list_resources(bound, call.id, call.params, reply);
  else if (call.method == "resources/read")
    read_resource(bound, call.id, call.params, reply);
  else if (call.method == "resources/templates/list")
    reply(rpc_result(call.id, resource_templates()));
  else
    return false;
  return true;
}

json::object mcp_capabilities(bool has_notifications) {
  return {{"tools", json::object{{"listChanged", false}}},
          {"resources", json::object{{"subscribe", has_notifications},
                                     {"listChanged", has_notifications}}}};
}

json::object mcp_server_info() {
  return {
    {"name", "cloister"}, {"title", "Cloister"}, {"version", version_text}};
}

std::string mcp_instructions(const client& bound) {
  return "Memories of " + std::string{bound.bound_to().path()}
         + ". Search them before answering, and add what is worth keeping.";
}

} // namespace cloister::server
