// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <boost/json.hpp>

#include "runtime/narrow_key.hpp"
#include "server/reading.hpp"
#include "server/route.hpp"
#include "wire/input.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr unsigned created = 201;

/// With a key of its own, narrowed from the one it was opened with. It needs no
/// expiry: it ends with the session.
void answer_opened(const exchange_ptr& call, const session_info& info) {
  auto key = call->api_key();
  narrowing to;
  to.scope = std::string{info.scope.path()};
  auto own = key ? narrow_key(*key, to) : key;
  if (own.has_error())
    return call->fail(own.error());
  auto out = wire::to_json(info);
  out["api_key"] = *own;
  call->answer(created, out);
}

void open(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  struct wanted {
    session_options options;
    std::optional<std::string> user_id;
  };
  auto what = read_body(call, [](wire::object_reader& from) {
    return wanted{wire::read_session(from), from.text("user_id")};
  });
  if (!what)
    return;
  call->with_client(
    [call, options = what->options](const client& bound) {
      bound.open_session(options, [call](result<session> done) {
        if (done.has_error())
          return call->fail(done.error());
        done->detach();
        answer_opened(call, done->info());
      });
    },
    std::move(what->user_id));
}

void list(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    bound.list_sessions([call](const result<std::vector<session_info>>& done) {
      call->answer_with(done, [](const auto& all) {
        json::array rows;
        for (const auto& each : all)
          rows.push_back(wire::to_json(each));
        return json::object{{"results", std::move(rows)}};
      });
    });
  });
}

void renew(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    bound.renew_session(
      call->path_parameter("id"), [call](const result<session_info>& done) {
        call->answer_with(done,
                          [](const auto& info) { return wire::to_json(info); });
      });
  });
}

void end(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    bound.end_session(call->path_parameter("id"),
                      [call](const result<erasure_receipt>& done) {
                        call->answer_with(done, [](const auto& receipt) {
                          return wire::to_json(receipt);
                        });
                      });
  });
}

struct promotion {
  std::vector<memory_id> ids;
  std::string to;
  std::optional<std::string> user_id;
};

promotion read_promotion(wire::object_reader& from) {
  promotion out;
  out.to = from.text("to").value_or("");
  out.user_id = from.text("user_id");
  auto ids = from.texts("ids");
  if (!ids || ids->empty())
    from.fail({errc::invalid_argument,
               "\"ids\" is missing; name the memories to keep"});
  for (const auto& each : ids.value_or(std::vector<std::string>{})) {
    auto id = memory_id::parse(each);
    if (id)
      out.ids.push_back(*id);
    else
      from.fail(id.error());
  }
  return out;
}

/// Of the session itself: the client is bound to it.
void promote(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto what = read_body(call, read_promotion);
  if (!what)
    return;
  auto moved = [call](const result<std::vector<located_memory>>& done) {
    call->answer_with(done, [](const auto& all) {
      json::array rows;
      for (const auto& each : all)
        rows.push_back(wire::to_json(each));
      return json::object{{"results", std::move(rows)}};
    });
  };
  call->with_client(
    [call, moved, ids = what->ids, to = what->to](const client& bound) {
      auto where = bound.bound_to().resolve(call->path_parameter("id"));
      if (where.has_error())
        return call->fail(where.error());
      call->with_client_of(std::string{where->path()},
                           [moved, ids, to](const client& of_session) {
                             of_session.promote_memories(ids, to, moved);
                           });
    },
    std::move(what->user_id));
}

const std::vector<route> routes{
  {http_method::post,
   "/v1/sessions",
   "open_session",
   "sessions",
   "Open a session below the scope",
   access::api_key,
   open,
   {},
   "NewSession",
   "OpenedSession",
   created},
  {http_method::get,
   "/v1/sessions",
   "list_sessions",
   "sessions",
   "The open sessions at the scope and below",
   access::api_key,
   list,
   {},
   "",
   "Sessions"},
  {http_method::post,
   "/v1/sessions/{id}/renew",
   "renew_session",
   "sessions",
   "Start the lease and the idle time of a session anew",
   access::api_key,
   renew,
   {},
   "",
   "Session"},
  {http_method::post,
   "/v1/sessions/{id}/promote",
   "promote_memories",
   "sessions",
   "Move memories to where they stay",
   access::api_key,
   promote,
   {},
   "Promotion",
   "Memories"},
  {http_method::remove,
   "/v1/sessions/{id}",
   "end_session",
   "sessions",
   "End a session, with all its memories",
   access::api_key,
   end,
   {},
   "",
   "Receipt"},
};

} // namespace

std::span<const route> session_routes() {
  return routes;
}

} // namespace cloister::server
