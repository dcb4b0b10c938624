// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "runtime/digest.hpp"
#include "server/event_feed.hpp"
#include "server/mcp.hpp"
#include "server/mcp_answers.hpp"
#include "server/mcp_stateless_routes.hpp"
#include "server/origin.hpp"
#include "server/reading.hpp"
#include "server/route.hpp"
#include "wire/object_reader.hpp"

// The Streamable HTTP transport of MCP. Each message is answered with one
// document; what is said unasked, of resources, comes by a stream of its own.

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr unsigned bad_request = 400;
constexpr unsigned not_acceptable = 406;
constexpr std::string_view session_header = "mcp-session-id";

mcp_reply replying(const exchange_ptr& call, std::string session_id = {}) {
  return [call, session_id](std::optional<json::object> message) {
    // What was no request is answered as the transport has it.
    if (!message)
      return accept_rpc(call);
    std::vector<std::pair<std::string, std::string>> headers;
    if (!session_id.empty())
      headers.emplace_back("Mcp-Session-Id", session_id);
    answer_rpc(call, *message, message->at("id").is_null() ? bad_request : 200,
               std::move(headers));
  };
}

bool is_initialize(const json::value& message) {
  auto object = message.if_object();
  auto method = object != nullptr ? object->if_contains("method") : nullptr;
  return method != nullptr && *method == "initialize";
}

/// What a session began with, and has of its own.
mcp_session made_session(const exchange& call, const client& bound,
                         const std::string& user_id) {
  return {text_digest(*call.api_key()),
          call.key_id(),
          user_id,
          std::string{mcp_version},
          {},
          std::string{bound.bound_to().organization().path()}};
}

/// Keeps the session once it has begun: what is refused leaves nothing behind.
mcp_reply beginning(const exchange_ptr& call, const mcp_session& session,
                    std::shared_ptr<cloister::session> opened = nullptr) {
  return [call, session, opened](std::optional<json::object> answer) {
    if (!answer || !answer->contains("result"))
      return replying(call)(std::move(answer));
    if (opened)
      opened->detach();
    replying(call, call->of().agents.add(session))(std::move(answer));
  };
}

/// With a session of Cloister for it, if that was asked for.
void begin_session(const exchange_ptr& call, const client& bound,
                   const json::value& message, const std::string& user_id) {
  auto kind = call->request().header("cloister-session");
  auto session = made_session(*call, bound, user_id);
  if (kind.empty())
    return handle_mcp(bound, message, session.wanted, beginning(call, session));
  if (kind != "ephemeral" && kind != "resumable")
    return call->fail(
      {errc::invalid_argument, "Cloister-Session is ephemeral or resumable"});
  if (!read_rpc_call(message, replying(call)))
    return;
  bound.open_session(
    {.resumable = kind == "resumable"},
    [call, message, session](result<cloister::session> opened) mutable {
      if (opened.has_error())
        return call->fail(opened.error());
      session.scope = std::string{opened->scope().path()};
      auto memories = opened->memories();
      handle_mcp(
        memories, message, session.wanted,
        beginning(call, session,
                  std::make_shared<cloister::session>(std::move(*opened))));
    });
}

void initialize(const exchange_ptr& call, const json::value& message) {
  auto user_id = call->user_id();
  if (user_id.has_error())
    return call->fail(user_id.error());
  call->with_client_of(
    *user_id, [call, message, user_id = *user_id](const client& bound) {
      begin_session(call, bound, message, user_id);
    });
}

/// Says why only to whoever has a key: others hear of that.
void fail_known(const exchange_ptr& call, const error& why) {
  call->with_client_of("", [call, why](const client&) { call->fail(why); });
}

/// The session that a request belongs to, or nothing: then it was answered why.
std::optional<mcp_session> session_of(const exchange_ptr& call) {
  auto key = call->api_key();
  if (key.has_error()) {
    call->fail(key.error());
    return std::nullopt;
  }
  std::string id{call->request().header(session_header)};
  if (id.empty()) {
    fail_known(
      call, {errc::invalid_argument,
             "the header Mcp-Session-Id is missing; initialize answers one"});
    return std::nullopt;
  }
  auto found = call->of().agents.find(id, text_digest(*key));
  if (!found)
    fail_known(call,
               {errc::not_found, "there is no such session; initialize again"});
  // Whoever names somebody else must not be answered for the first.
  auto named = call->user_id();
  if (found
      && (named.has_error() || (!named->empty() && *named != found->user_id))) {
    fail_known(call, named.has_error()
                       ? named.error()
                       : error{errc::invalid_argument,
                               "the session belongs to another user_id; "
                               "initialize one for each"});
    return std::nullopt;
  }
  return found;
}

/// Whether whoever asks can take the answer.
bool accepts_json(const exchange& call) {
  auto accepted_types = call.request().header("accept");
  return accepted_types.empty()
         || accepted_types.find("application/json") != std::string_view::npos
         || accepted_types.find("application/*") != std::string_view::npos
         || accepted_types.find("*/*") != std::string_view::npos;
}

/// Answers why a request may not come from where it does, if so.
bool check_caller(const exchange_ptr& call) {
  if (!check_query(call))
    return false;
  if (auto why = refused_origin(*call)) {
    call->fail(*why);
    return false;
  }
  return true;
}

/// Answers why the version of a request is none of this transport's, if so.
bool check_version(const exchange_ptr& call) {
  auto version = call->request().header("mcp-protocol-version");
  if (!version.empty() && !speaks_mcp_version(version)) {
    call->fail({errc::invalid_argument,
                "MCP-Protocol-Version is not known here; initialize or "
                "server/discover tells which one to use"});
    return false;
  }
  return true;
}

void post(const exchange_ptr& call) {
  if (!check_caller(call))
    return;
  if (!accepts_json(*call))
    return call->fail(
      {errc::invalid_argument, "the answer is JSON; accept application/json"},
      not_acceptable);
  auto message = wire::parse_json(call->request().body);
  if (message.has_error())
    return answer_rpc(
      call, rpc_error(nullptr, rpc_parse_error, message.error().detail),
      bad_request);
  call->operation = mcp_operation(*message);
  if (is_stateless_request(*call, *message))
    return answer_stateless(call, *message);
  if (!check_version(call))
    return;
  if (is_initialize(*message))
    return initialize(call, *message);
  auto session = session_of(call);
  if (!session)
    return;
  const auto& bound_to
    = session->scope.empty() ? session->user_id : session->scope;
  call->with_client_of(
    bound_to, [call, message = std::move(*message),
               wanted = session->wanted](const client& bound) {
      auto room = take_room_for(call, bound, results_wanted(message));
      if (room)
        handle_mcp(bound, message, wanted, holding(room, replying(call)));
    });
}

event_feed::formatting notifications_for(const client& bound,
                                         const mcp_subscriptions_ptr& wanted) {
  event_feed::formatting out;
  auto number = wanted->begin_stream();
  out.is_wanted = [wanted, number] { return wanted->is_newest(number); };
  out.event = [bound, wanted](const memory_event& event) {
    auto messages = mcp_notifications(bound, *wanted, event);
    std::string text;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      // Whoever comes back after the first of two is told both again.
      auto is_last = i + 1 == messages.size();
      text += sse_event(is_last ? to_string(event.next) : "", "message",
                        to_json_text(messages[i]));
    }
    return text;
  };
  out.end = [](const error&) { return std::string{}; };
  return out;
}

/// What is said unasked: of a session there is one stream, the last that was
/// asked for.
void stream(const exchange_ptr& call) {
  if (!check_caller(call) || !check_version(call))
    return;
  auto accepted_types = call->request().header("accept");
  if (accepted_types.find("text/event-stream") == std::string_view::npos
      && accepted_types.find("*/*") == std::string_view::npos)
    return call->fail(
      {errc::invalid_argument, "this is a stream; accept text/event-stream"},
      not_acceptable);
  auto session = session_of(call);
  if (!session)
    return;
  std::optional<event_position> after;
  if (auto id = call->request().header("last-event-id"); !id.empty()) {
    auto at = parse_event_position(id);
    if (at.has_error())
      return call->fail(at.error());
    after = *at;
  }
  const auto& bound_to
    = session->scope.empty() ? session->user_id : session->scope;
  call->with_client_of(
    bound_to, [call, after, wanted = session->wanted](const client& bound) {
      // The one that there is must not end for one that cannot be.
      if (!call->take_stream_turn())
        return;
      event_feed::open(
        call->lasting_client(), after, notifications_for(bound, wanted),
        [call, wanted](const result<std::shared_ptr<event_feed>>& made) {
          if (made.has_error())
            return call->fail(made.error());
          std::weak_ptr<event_feed> feed{*made};
          wanted->set_waker([feed] {
            if (auto there = feed.lock())
              there->wake();
          });
          http_response out;
          out.content_type = "text/event-stream";
          out.stream = *made;
          call->answer(std::move(out));
        });
    });
}

void end(const exchange_ptr& call) {
  if (!check_caller(call) || !check_version(call))
    return;
  auto session = session_of(call);
  if (!session)
    return;
  auto forget = [call] {
    call->of().agents.remove(
      std::string{call->request().header(session_header)});
    call->answer(200, json::object{});
  };
  call->with_client_of(session->user_id, [call, forget, scope = session->scope](
                                           const client& bound) {
    if (scope.empty())
      return forget();
    bound.end_session(
      scope, [call, forget](const result<erasure_receipt>& done) {
        if (done.has_error() && done.error().code != errc::erased)
          return call->fail(done.error());
        forget();
      });
  });
}

const std::vector<route> routes{
  {http_method::post,
   "/mcp",
   "mcp",
   "agents",
   "A message of the Model Context Protocol",
   access::api_key,
   post,
   {},
   "McpMessage",
   "McpMessage"},
  {http_method::get,
   "/mcp",
   "mcp_stream",
   "agents",
   "Notifications of resources, as server-sent events",
   access::api_key,
   stream,
   {},
   "",
   "",
   200,
   "text/event-stream"},
  {http_method::remove,
   "/mcp",
   "mcp_end",
   "agents",
   "End a session of MCP",
   access::api_key,
   end,
   {},
   "",
   "McpMessage"},
};

} // namespace

std::span<const route> mcp_routes() {
  return routes;
}

} // namespace cloister::server
