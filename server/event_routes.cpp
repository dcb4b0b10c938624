// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "server/event_feed.hpp"
#include "server/reading.hpp"
#include "server/route.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

/// Of the header that clients send when they were cut off, or of the query.
/// Nothing in it where there is none; nothing where it was answered that it is
/// wrong.
std::optional<std::optional<event_position>>
read_position(const exchange_ptr& call) {
  auto text = std::string{call->request().header("last-event-id")};
  if (text.empty())
    text = call->query("after").value_or("");
  if (text.empty())
    return std::optional<event_position>{};
  auto at = parse_event_position(text);
  if (at)
    return std::optional{*at};
  call->fail(at.error());
  return std::nullopt;
}

event_feed::formatting formatting_for(const client& bound) {
  event_feed::formatting out;
  out.event = [where = bound.bound_to()](const memory_event& event) {
    return sse_event(to_string(event.next), to_string(event.kind),
                     to_json_text(wire::to_json(event, where)));
  };
  out.end = [where = bound.bound_to()](const error& why) {
    // Only a scope that is gone ends like that.
    auto is_gone = why.code == errc::erased;
    auto is_session = where.kind() == scope_kind::session;
    json::object data{{"scope", where.path()}, {"reason", why.detail}};
    data["type"] = is_gone ? (is_session ? "session_ended" : "erased")
                           : to_string(why.code);
    auto name = std::string{data["type"].get_string()};
    return sse_event({}, is_gone ? name : "error", to_json_text(data));
  };
  return out;
}

void events(const exchange_ptr& call) {
  auto after = read_position(call);
  if (!after || !check_query(call))
    return;
  call->with_client([call, after = *after](const client& bound) {
    if (!call->take_stream_turn())
      return;
    event_feed::open(call->lasting_client(), after, formatting_for(bound),
                     [call](const result<std::shared_ptr<event_feed>>& made) {
                       if (made.has_error())
                         return call->fail(made.error());
                       http_response out;
                       out.content_type = "text/event-stream";
                       out.stream = *made;
                       call->answer(std::move(out));
                     });
  });
}

const std::vector<route> routes{
  {http_method::get,
   "/v1/events",
   "follow_events",
   "memories",
   "What happens in a scope, as server-sent events, from now on or from behind "
   "Last-Event-ID",
   access::api_key,
   events,
   {{"after", "string", "Like Last-Event-ID, which counts where both are"}},
   "",
   "",
   200,
   "text/event-stream"},
};

} // namespace

std::span<const route> event_routes() {
  return routes;
}

} // namespace cloister::server
