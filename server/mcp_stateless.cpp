// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_stateless.hpp"

#include <chrono>

#include <boost/json.hpp>

#include "server/mcp.hpp"
#include "server/mcp_methods.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr std::string_view version_key
  = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view capabilities_key
  = "io.modelcontextprotocol/clientCapabilities";
constexpr std::string_view server_key = "io.modelcontextprotocol/serverInfo";

const json::object* meta_of(const json::object& params) {
  auto meta = params.if_contains("_meta");
  return meta != nullptr ? meta->if_object() : nullptr;
}

/// How long an answer may be kept by whoever asked; nothing where it may not
/// be said.
struct cache_hint {
  std::chrono::milliseconds time_to_live;
  /// Whether it is the same for everybody.
  bool is_public;
};

std::optional<cache_hint> cache_hint_of(std::string_view method) {
  // Tools are those that the key permits, which does not change: a key that is
  // revoked is told so whatever it calls.
  constexpr std::chrono::minutes of_key{5};
  constexpr std::chrono::hours of_program{1};
  if (method == "tools/list" || method == "server/discover")
    return cache_hint{of_key, false};
  if (method == "resources/templates/list")
    return cache_hint{of_program, true};
  // Others may change memories at any time.
  if (method == "resources/list" || method == "resources/read")
    return cache_hint{std::chrono::milliseconds{0}, false};
  return std::nullopt;
}

/// An answer of older revisions, as this one has it.
json::object restated(json::object answer, const rpc_call& call) {
  if (auto result = answer.if_contains("result")) {
    auto out = complete_result(std::move(result->get_object()));
    if (auto hint = cache_hint_of(call.method)) {
      out["ttlMs"] = hint->time_to_live.count();
      out["cacheScope"] = hint->is_public ? "public" : "private";
    }
    *result = std::move(out);
    return answer;
  }
  if (rpc_error_code(answer) != rpc_resource_not_found)
    return answer;
  auto uri = call.params.if_contains("uri");
  json::object data{{"uri", uri != nullptr ? *uri : json::value(nullptr)}};
  return rpc_error(call.id, rpc_invalid_params, "there is no such resource",
                   std::move(data));
}

json::array spoken_versions() {
  json::array out{mcp_stateless_version};
  for (auto each : mcp_versions())
    out.emplace_back(each);
  return out;
}

json::object discovered(const client& bound, bool has_notifications) {
  return {{"supportedVersions", spoken_versions()},
          {"capabilities", mcp_capabilities(has_notifications)},
          {"instructions", mcp_instructions(bound)}};
}

} // namespace

bool is_stateless(const json::value& message) {
  auto object = message.if_object();
  if (object == nullptr)
    return false;
  auto method = object->if_contains("method");
  if (method != nullptr
      && (*method == "server/discover" || *method == "subscriptions/listen"))
    return true;
  auto params = object->if_contains("params");
  auto meta = params != nullptr && params->is_object()
                ? meta_of(params->get_object())
                : nullptr;
  return meta != nullptr && meta->contains(version_key);
}

std::optional<std::string> mcp_version_of(const rpc_call& call) {
  auto meta = meta_of(call.params);
  auto version = meta != nullptr ? meta->if_contains(version_key) : nullptr;
  if (version == nullptr || !version->is_string())
    return std::nullopt;
  return std::string{version->get_string()};
}

std::optional<json::object> refused_meta(const rpc_call& call) {
  auto meta = meta_of(call.params);
  auto can = meta != nullptr ? meta->if_contains(capabilities_key) : nullptr;
  if (mcp_version_of(call) && can != nullptr && can->is_object())
    return std::nullopt;
  return rpc_error(call.id, rpc_invalid_params,
                   "params._meta has to have "
                   "io.modelcontextprotocol/protocolVersion, a text, and "
                   "io.modelcontextprotocol/clientCapabilities, an object");
}

std::optional<json::object> refused_version(const rpc_call& call) {
  auto version = mcp_version_of(call);
  if (version == mcp_stateless_version)
    return std::nullopt;
  json::object data{{"supported", spoken_versions()},
                    {"requested", version.value_or("")}};
  return rpc_error(call.id, rpc_unsupported_version,
                   "a request that says its revision by itself is of "
                   "2026-07-28; older ones begin with initialize",
                   std::move(data));
}

json::object complete_result(json::object result) {
  result["resultType"] = "complete";
  json::object meta{{server_key, mcp_server_info()}};
  result["_meta"] = std::move(meta);
  return result;
}

void handle_stateless(const client& bound, const rpc_call& call,
                      bool has_notifications, const mcp_reply& reply) {
  if (auto refused = refused_meta(call))
    return reply(std::move(*refused));
  if (auto refused = refused_version(call))
    return reply(std::move(*refused));
  auto restate = [reply, call](std::optional<json::object> answer) {
    reply(restated(std::move(answer).value(), call));
  };
  if (call.method == "server/discover")
    return restate(rpc_result(call.id, discovered(bound, has_notifications)));
  if (!handle_shared_method(bound, call, restate))
    reply(rpc_error(call.id, rpc_method_not_found,
                    "this server does not have that method in 2026-07-28"));
}

} // namespace cloister::server
