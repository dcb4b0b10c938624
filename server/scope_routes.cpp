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

void list(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client([call](const client& bound) {
    bound.list_scopes([call](const result<scope_listing>& done) {
      call->answer_with(done, [](const auto& found) {
        json::array rows;
        for (const auto& each : found.scopes)
          rows.push_back(wire::to_json(each));
        return json::object{{"results", std::move(rows)},
                            {"truncated", found.truncated},
                            {"unreadable", found.unreadable}};
      });
    });
  });
}

void show(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client_within(
    call->path_parameter("scope"), [call](const client& bound) {
      bound.show_scope([call](const result<scope_summary>& done) {
        call->answer_with(done, [](const auto& shown) {
          return wire::to_json_with_limits(shown);
        });
      });
    });
}

void configure(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto changes = read_body(call, wire::read_quota);
  if (!changes)
    return;
  call->with_client_within(
    call->path_parameter("scope"),
    [call, changes = *changes](const client& bound) {
      bound.configure_scope(changes, [call, bound](const result<quota>& done) {
        call->answer_with(done, [&](const auto& limits) {
          return json::object{{"scope", bound.bound_to().path()},
                              {"limits", wire::to_json(limits)}};
        });
      });
    });
}

void answer_receipt(const exchange_ptr& call,
                    const result<erasure_receipt>& done) {
  call->answer_with(done,
                    [](const auto& receipt) { return wire::to_json(receipt); });
}

void erase(const exchange_ptr& call) {
  auto with_copies = read_flag(call, "with_shared_copies");
  if (!with_copies || !check_query(call))
    return;
  call->with_client_within(
    call->path_parameter("scope"),
    [call, with_copies = *with_copies](const client& bound) {
      bound.erase_scope({.with_shared_copies = with_copies},
                        [call](const result<erasure_receipt>& done) {
                          answer_receipt(call, done);
                        });
    });
}

void receipt(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client_within(
    call->path_parameter("scope"), [call](const client& bound) {
      bound.find_receipt("", [call](const result<erasure_receipt>& done) {
        answer_receipt(call, done);
      });
    });
}

void reinstate(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_client_within(
    call->path_parameter("scope"), [call](const client& bound) {
      bound.reinstate_scope([call, bound](const result<void>& done) {
        if (done.has_error())
          return call->fail(done.error());
        call->answer(200, json::object{{"scope", bound.bound_to().path()}});
      });
    });
}

const std::vector<route> routes{
  {http_method::get,
   "/v1/scopes",
   "list_scopes",
   "scopes",
   "The scopes below this one",
   access::api_key,
   list,
   {},
   "",
   "Scopes"},
  {http_method::get,
   "/v1/scopes/{scope}",
   "show_scope",
   "scopes",
   "What a scope holds, and what it may not exceed",
   access::api_key,
   show,
   {},
   "",
   "ScopeDetails",
   200,
   "application/json",
   false},
  {http_method::patch,
   "/v1/scopes/{scope}",
   "configure_scope",
   "scopes",
   "Change what a scope may not exceed",
   access::api_key,
   configure,
   {},
   "Limits",
   "ScopeLimits",
   200,
   "application/json",
   false},
  {http_method::remove,
   "/v1/scopes/{scope}",
   "erase_scope",
   "scopes",
   "Erase a scope and all below it; its name is refused afterwards",
   access::api_key,
   erase,
   {{"with_shared_copies", "boolean",
     "Erase what was shared from it to elsewhere, too"}},
   "",
   "Receipt",
   200,
   "application/json",
   false},
  {http_method::get,
   "/v1/scopes/{scope}/receipt",
   "find_receipt",
   "scopes",
   "The receipt of a scope that was erased",
   access::api_key,
   receipt,
   {},
   "",
   "Receipt",
   200,
   "application/json",
   false},
  {http_method::post,
   "/v1/scopes/{scope}/reinstate",
   "reinstate_scope",
   "scopes",
   "Let the name of an erased scope be used again",
   access::api_key,
   reinstate,
   {},
   "",
   "ScopeName",
   200,
   "application/json",
   false},
};

} // namespace

std::span<const route> scope_routes() {
  return routes;
}

} // namespace cloister::server
