// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_resources.hpp"

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "server/http_message.hpp"
#include "server/problem.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr std::string_view prefix = "memory://";
constexpr std::string_view type = "application/json";
/// Of the content, in a list.
constexpr std::size_t title_bytes_max = 80;

/// The beginning of a text, without half a character at its end.
std::string beginning(const std::string& text) {
  auto size = std::min(text.size(), title_bytes_max);
  constexpr unsigned continuation_mask = 0xc0;
  constexpr unsigned continuation = 0x80;
  while (size > 0 && size < text.size()
         && (static_cast<unsigned char>(text[size]) & continuation_mask)
              == continuation)
    --size;
  return text.substr(0, size);
}

json::object described(const located_memory& found) {
  return {{"uri", resource_uri(found.where, found.memory.id)},
          {"name", found.memory.id.to_string()},
          {"title", beginning(found.memory.content)},
          {"mimeType", type}};
}

/// Of the bound scope, or nothing.
std::optional<memory_id> id_in(const client& bound, const json::value* uri) {
  if (uri == nullptr || !uri->is_string())
    return std::nullopt;
  std::string_view text{uri->get_string()};
  auto id
    = memory_id::parse(text.substr(std::min(text.rfind('/') + 1, text.size())));
  if (!id || text != resource_uri(bound.bound_to(), *id))
    return std::nullopt;
  return *id;
}

} // namespace

std::string resource_uri(const scope& where, const memory_id& id) {
  std::string out{prefix};
  for (auto segment : where.segments())
    out += percent_encoded(segment) + '/';
  return out + id.to_string();
}

void list_resources(const client& bound, const json::value& id,
                    const json::object& params, const mcp_reply& reply) {
  list_options options;
  if (auto cursor = params.if_contains("cursor")) {
    if (!cursor->is_string())
      return reply(rpc_error(id, rpc_invalid_params, "cursor is a text"));
    options.cursor = std::string{cursor->get_string()};
  }
  bound.list_memories(options, [id, reply](const result<memory_list>& done) {
    if (done.has_error())
      return reply(rpc_error(id,
                             done.error().code == errc::invalid_argument
                               ? rpc_invalid_params
                               : rpc_internal_error,
                             without_paths(done.error()).detail));
    json::array rows;
    for (const auto& each : done->results)
      rows.push_back(described(each));
    json::object out{{"resources", std::move(rows)}};
    if (done->cursor)
      out["nextCursor"] = *done->cursor;
    reply(rpc_result(id, std::move(out)));
  });
}

void read_resource(const client& bound, const json::value& id,
                   const json::object& params, const mcp_reply& reply) {
  auto uri = params.if_contains("uri");
  auto wanted = id_in(bound, uri);
  if (!wanted)
    return reply(
      rpc_error(id, rpc_resource_not_found, "there is no such resource"));
  bound.get_memory(
    *wanted, [id, reply, bound, uri = *uri](const result<memory>& done) {
      if (done.has_error())
        return reply(rpc_error(id,
                               done.error().code == errc::not_found
                                 ? rpc_resource_not_found
                                 : rpc_internal_error,
                               without_paths(done.error()).detail));
      json::object content{
        {"uri", uri},
        {"mimeType", type},
        {"text", to_json_text(wire::to_json(*done, bound.bound_to()))}};
      reply(rpc_result(
        id, json::object{{"contents", json::array{std::move(content)}}}));
    });
}

bool is_resource_of(const client& bound, const json::value& uri) {
  return id_in(bound, &uri).has_value();
}

void subscribe(const client& bound, const mcp_subscriptions_ptr& to,
               const json::value& id, const json::object& params,
               const mcp_reply& reply, bool is_wanted) {
  auto uri = params.if_contains("uri");
  if (uri == nullptr || !is_resource_of(bound, *uri))
    return reply(
      rpc_error(id, rpc_resource_not_found, "there is no such resource"));
  std::string name{uri->get_string()};
  if (!is_wanted)
    to->remove(name);
  else if (!to->add(name))
    return reply(rpc_error(id, rpc_invalid_params,
                           "too many resources are subscribed to; unsubscribe "
                           "from some"));
  reply(rpc_result(id, json::object{}));
}

json::value resource_templates() {
  json::object memory_template{
    {"uriTemplate", "memory://{+scope}/{id}"},
    {"name", "memory"},
    {"title", "A memory"},
    {"description", "One memory of the scope that the connection is bound to"},
    {"mimeType", type}};
  return json::object{
    {"resourceTemplates", json::array{std::move(memory_template)}}};
}

} // namespace cloister::server
