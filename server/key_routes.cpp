// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <boost/json.hpp>

#include "server/reading.hpp"
#include "server/route.hpp"
#include "wire/input.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr unsigned created = 201;

void create(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  struct wanted {
    key_options options;
    std::optional<std::string> user_id;
  };
  auto what = read_body(call, [](wire::object_reader& from) {
    return wanted{wire::read_key(from), from.text("user_id")};
  });
  if (!what)
    return;
  call->with_client(
    [call, options = std::move(what->options)](const client& bound) {
      bound.create_key(options, [call](const result<new_key>& done) {
        call->answer_with(
          done, [](const auto& made) { return wire::to_json(made); }, created);
      });
    },
    std::move(what->user_id));
}

void list(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    bound.list_keys([call](const result<std::vector<key_info>>& done) {
      call->answer_with(done, [](const auto& all) {
        json::array rows;
        for (const auto& each : all)
          rows.push_back(wire::to_json(each));
        return json::object{{"results", std::move(rows)}};
      });
    });
  });
}

void revoke(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    bound.revoke_key(
      call->path_parameter("id"), [call](const result<key_info>& done) {
        call->answer_with(done,
                          [](const auto& key) { return wire::to_json(key); });
      });
  });
}

/// Proven anew: nothing is asked that would tell that it was revoked.
void whoami(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto key = call->api_key();
  auto named = call->user_id();
  if (key.has_error() || named.has_error())
    return call->fail(key.has_error() ? key.error() : named.error());
  call->of().store.client(*key, *named, [call](const result<client>& done) {
    call->answer_with(done, [](const client& bound) {
      return json::object{{"scope", bound.bound_to().path()},
                          {"permissions", to_string(bound.allowed())}};
    });
  });
}

const std::vector<route> routes{
  {http_method::get,
   "/v1/whoami",
   "whoami",
   "keys",
   "Whose memories the key and the user_id mean, and what the key permits",
   access::api_key,
   whoami,
   {},
   "",
   "Whoami"},
  {http_method::post,
   "/v1/keys",
   "create_key",
   "keys",
   "Make an API key, which is shown once",
   access::api_key,
   create,
   {},
   "NewKey",
   "CreatedKey",
   created},
  {http_method::get,
   "/v1/keys",
   "list_keys",
   "keys",
   "Keys rooted at the scope or below",
   access::api_key,
   list,
   {},
   "",
   "Keys"},
  {http_method::remove,
   "/v1/keys/{id}",
   "revoke_key",
   "keys",
   "Revoke a key and all that was narrowed from it",
   access::api_key,
   revoke,
   {},
   "",
   "Key"},
};

} // namespace

std::span<const route> key_routes() {
  return routes;
}

} // namespace cloister::server
