// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_notifications.hpp"

#include "server/mcp_resources.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

json::object updated(const std::string& uri) {
  return {{"jsonrpc", "2.0"},
          {"method", "notifications/resources/updated"},
          {"params", json::object{{"uri", uri}}}};
}

} // namespace

bool mcp_subscriptions::add(const std::string& uri) {
  std::lock_guard guard{mutex_};
  if (uris_.size() >= uris_max && !uris_.contains(uri))
    return false;
  uris_.insert(uri);
  return true;
}

void mcp_subscriptions::remove(const std::string& uri) {
  std::lock_guard guard{mutex_};
  uris_.erase(uri);
}

bool mcp_subscriptions::contains(const std::string& uri) const {
  std::lock_guard guard{mutex_};
  return uris_.contains(uri);
}

std::vector<std::string> mcp_subscriptions::all() const {
  std::lock_guard guard{mutex_};
  return {uris_.begin(), uris_.end()};
}

std::vector<json::object> mcp_notifications(const client& bound,
                                            const mcp_subscriptions& wanted,
                                            const memory_event& event) {
  std::vector<json::object> out;
  if (event.kind == event_kind::session_ended)
    return out;
  if (event.kind != event_kind::updated)
    out.push_back(
      {{"jsonrpc", "2.0"}, {"method", "notifications/resources/list_changed"}});
  if (event.id) {
    auto uri = resource_uri(bound.bound_to(), *event.id);
    if (wanted.contains(uri))
      out.push_back(updated(uri));
    return out;
  }
  // All of them, or nobody knows which.
  for (const auto& uri : wanted.all())
    out.push_back(updated(uri));
  return out;
}

} // namespace cloister::server
