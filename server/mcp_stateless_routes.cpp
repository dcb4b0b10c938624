// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_stateless_routes.hpp"

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "server/base64.hpp"
#include "server/event_feed.hpp"
#include "server/mcp_answers.hpp"
#include "server/mcp_listener.hpp"
#include "server/mcp_stateless.hpp"
#include "server/reading.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr unsigned bad_request = 400;
constexpr unsigned not_found = 404;
constexpr std::string_view version_header = "mcp-protocol-version";

unsigned status_of(const json::object& answer) {
  switch (rpc_error_code(answer)) {
    case rpc_method_not_found:
      return not_found;
    case rpc_header_mismatch:
    case rpc_unsupported_version:
    case rpc_invalid_request:
      return bad_request;
    default:
      return 200;
  }
}

mcp_reply replying(const exchange_ptr& call) {
  return [call](std::optional<json::object> message) {
    if (message)
      return answer_rpc(call, *message, status_of(*message));
    accept_rpc(call);
  };
}

/// The text that a header stands for, which may be encoded; nothing where it
/// is none.
std::optional<std::string> decoded(std::string_view value) {
  constexpr std::string_view before = "=?base64?";
  constexpr std::string_view after = "?=";
  if (!value.starts_with(before) || !value.ends_with(after)
      || value.size() < before.size() + after.size())
    return std::string{value};
  value.remove_prefix(before.size());
  value.remove_suffix(after.size());
  return from_base64(value);
}

/// What a request is about, for whoever reads headers alone.
const json::value* name_of(const rpc_call& call) {
  if (call.method == "tools/call" || call.method == "prompts/get")
    return call.params.if_contains("name");
  if (call.method == "resources/read")
    return call.params.if_contains("uri");
  return nullptr;
}

/// What a header says that the body does not, if so: what stands between must
/// not see another request than the one that is answered.
std::optional<std::string> header_mismatch(const http_request& request,
                                           const rpc_call& call) {
  auto differs = [&](std::string_view name, std::string_view expected) {
    auto value = decoded(request.header(name));
    return request.count(name) != 1 || !value || *value != expected;
  };
  if (differs(version_header, mcp_version_of(call).value_or("")))
    return "the header MCP-Protocol-Version has to be the version of _meta";
  if (differs("mcp-method", call.method))
    return "the header Mcp-Method has to be the method";
  auto name = name_of(call);
  if (name != nullptr && name->is_string()
      && differs("mcp-name", name->get_string()))
    return "the header Mcp-Name has to be params.name, or params.uri";
  return std::nullopt;
}

/// The answer to what is refused before it is looked at.
std::optional<json::object> refused(const exchange_ptr& call,
                                    const rpc_call& request) {
  if (auto why = refused_meta(request))
    return why;
  const auto& sent = call->request();
  // A version that is not spoken has headers of its own.
  if (sent.header(version_header) == mcp_version_of(request).value_or(""))
    if (auto why = refused_version(request))
      return why;
  if (auto why = header_mismatch(sent, request))
    return rpc_error(request.id, rpc_header_mismatch, *why);
  if (!sent.header("cloister-session").empty())
    return rpc_error(request.id, rpc_invalid_params,
                     "in 2026-07-28 there is no connection that a session "
                     "could end with; leave Cloister-Session away, and name a "
                     "session by X-User-ID");
  return std::nullopt;
}

event_feed::formatting notifications_for(const client& bound,
                                         const mcp_listener& listener) {
  event_feed::formatting out;
  out.opening = sse_event({}, "message", to_json_text(listener.acknowledged()));
  out.event = [bound, listener](const memory_event& event) {
    std::string text;
    for (const auto& message : listener.told(bound, event))
      text += sse_event({}, "message", to_json_text(message));
    return text;
  };
  out.end = [listener](const error&) {
    return sse_event({}, "message", to_json_text(listener.ended()));
  };
  return out;
}

void listen(const exchange_ptr& call, const rpc_call& request,
            const client& bound) {
  auto listener = mcp_listener::read(bound, request, replying(call));
  if (!listener || !call->take_stream_turn())
    return;
  event_feed::open(call->lasting_client(), std::nullopt,
                   notifications_for(bound, *listener),
                   [call](const result<std::shared_ptr<event_feed>>& made) {
                     if (made.has_error())
                       return call->fail(made.error());
                     http_response out;
                     out.content_type = "text/event-stream";
                     out.headers.emplace_back("X-Accel-Buffering", "no");
                     out.stream = *made;
                     call->answer(std::move(out));
                   });
}

} // namespace

bool is_stateless_request(const exchange& call, const json::value& message) {
  return call.request().header(version_header) == mcp_stateless_version
         || is_stateless(message);
}

void answer_stateless(const exchange_ptr& call, const json::value& message) {
  auto request = read_rpc_call(message, replying(call));
  if (!request)
    return;
  if (auto why = refused(call, *request))
    return answer_rpc(call, *why, bad_request);
  auto user_id = call->user_id();
  if (user_id.has_error())
    return call->fail(user_id.error());
  call->with_client_of(
    *user_id, [call, request = std::move(*request),
               results = results_wanted(message)](const client& bound) {
      if (request.method == "subscriptions/listen")
        return listen(call, request, bound);
      auto room = take_room_for(call, bound, results);
      if (room)
        handle_stateless(bound, request, true, holding(room, replying(call)));
    });
}

} // namespace cloister::server
