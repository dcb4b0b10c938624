// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_listener.hpp"

#include <boost/json.hpp>

#include "server/mcp_resources.hpp"
#include "server/mcp_stateless.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr std::string_view list_changed
  = "notifications/resources/list_changed";

/// A member that says yes or no; nothing for what is neither.
std::optional<bool> flag(const json::object& filter, std::string_view name) {
  auto value = filter.if_contains(name);
  if (value == nullptr)
    return false;
  return value->is_bool() ? std::optional{value->get_bool()} : std::nullopt;
}

/// The URIs of a filter; nothing for what is no list of them.
std::optional<std::vector<std::string>> uris_of(const json::object& filter) {
  std::vector<std::string> out;
  auto value = filter.if_contains("resourceSubscriptions");
  if (value == nullptr)
    return out;
  if (!value->is_array()
      || value->get_array().size() > mcp_subscriptions::uris_max)
    return std::nullopt;
  for (const auto& each : value->get_array()) {
    if (!each.is_string())
      return std::nullopt;
    out.emplace_back(each.get_string());
  }
  return out;
}

} // namespace

bool is_listen(const json::value& message) {
  auto object = message.if_object();
  auto method = object != nullptr ? object->if_contains("method") : nullptr;
  return method != nullptr && *method == "subscriptions/listen";
}

std::optional<mcp_listener> mcp_listener::read(const client& bound,
                                               const rpc_call& call,
                                               const mcp_reply& reply) {
  auto refuse = [&](json::object why) {
    reply(std::move(why));
    return std::nullopt;
  };
  if (auto why = refused_meta(call))
    return refuse(std::move(*why));
  if (auto why = refused_version(call))
    return refuse(std::move(*why));
  auto wanted = call.params.if_contains("notifications");
  auto filter = wanted != nullptr ? wanted->if_object() : nullptr;
  if (filter == nullptr)
    return refuse(rpc_error(call.id, rpc_invalid_params,
                            "notifications is an object that says what to "
                            "tell"));
  auto lists = flag(*filter, "resourcesListChanged");
  auto uris = uris_of(*filter);
  if (!lists || !uris || !flag(*filter, "toolsListChanged")
      || !flag(*filter, "promptsListChanged"))
    return refuse(rpc_error(call.id, rpc_invalid_params,
                            "notifications has toolsListChanged, "
                            "promptsListChanged and resourcesListChanged, each "
                            "true or false, and resourceSubscriptions, at most "
                            "100 URIs"));
  mcp_listener out;
  out.id_ = call.id;
  out.wants_lists_ = *lists;
  out.wants_resources_ = filter->contains("resourceSubscriptions");
  for (const auto& uri : *uris)
    if (is_resource_of(bound, json::value(uri)))
      out.resources_->add(uri);
  return out;
}

json::object mcp_listener::subscription() const {
  return {{"io.modelcontextprotocol/subscriptionId", id_}};
}

json::object mcp_listener::acknowledged() const {
  json::object told;
  if (wants_lists_)
    told["resourcesListChanged"] = true;
  if (wants_resources_) {
    json::array uris;
    for (const auto& uri : resources_->all())
      uris.emplace_back(uri);
    told["resourceSubscriptions"] = std::move(uris);
  }
  json::object params{{"_meta", subscription()},
                      {"notifications", std::move(told)}};
  return {{"jsonrpc", "2.0"},
          {"method", "notifications/subscriptions/acknowledged"},
          {"params", std::move(params)}};
}

std::vector<json::object> mcp_listener::told(const client& bound,
                                             const memory_event& event) const {
  auto out = mcp_notifications(bound, *resources_, event);
  if (!wants_lists_)
    std::erase_if(out, [](const json::object& each) {
      return each.at("method").as_string() == list_changed;
    });
  for (auto& message : out) {
    auto& params = message["params"];
    if (!params.is_object())
      params.emplace_object();
    params.get_object()["_meta"] = subscription();
  }
  return out;
}

json::object mcp_listener::ended() const {
  auto result = complete_result({});
  result["_meta"].get_object()["io.modelcontextprotocol/subscriptionId"] = id_;
  return rpc_result(id_, std::move(result));
}

} // namespace cloister::server
