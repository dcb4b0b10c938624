// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/problem.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "core/json_text.hpp"

namespace cloister::server {

namespace {

constexpr unsigned bad_request = 400;
constexpr unsigned unauthorized = 401;
constexpr unsigned too_large = 413;
constexpr unsigned too_many_requests = 429;
constexpr unsigned internal_error = 500;
constexpr unsigned service_unavailable = 503;

} // namespace

std::string_view title_of(errc code) {
  switch (code) {
    case errc::invalid_argument:
      return "The request is not valid";
    case errc::unauthenticated:
      return "The API key is missing or not valid";
    case errc::forbidden:
      return "The API key does not allow this";
    case errc::not_found:
      return "There is no such thing";
    case errc::conflict:
      return "It is not as the request says";
    case errc::erased:
      return "It was erased";
    case errc::too_large:
      return "It is too large";
    case errc::quota_exceeded:
      return "A quota is used up";
    case errc::rate_limited:
      return "Too many requests for this key";
    case errc::overloaded:
      return "Too many requests for this server";
    case errc::unavailable:
      return "It could not be done, or it is not known whether it was";
    case errc::sealed:
      return "The store is sealed";
    case errc::quarantined:
      return "The scope is quarantined";
    case errc::timeout:
      return "It took too long";
    default:
      return "Something is damaged";
  }
}

unsigned status_of(errc code) {
  switch (code) {
    case errc::ok:
      return 200;
    case errc::invalid_argument:
      return bad_request;
    case errc::unauthenticated:
      return unauthorized;
    case errc::forbidden:
      return 403;
    case errc::not_found:
      return 404;
    case errc::conflict:
      return 409;
    case errc::erased:
      return 410;
    case errc::too_large:
    case errc::quota_exceeded:
      return too_large;
    case errc::rate_limited:
      return too_many_requests;
    case errc::overloaded:
    case errc::unavailable:
    case errc::sealed:
    case errc::quarantined:
      return service_unavailable;
    case errc::timeout:
      return 504;
    case errc::corrupted:
      break;
  }
  return internal_error;
}

error without_paths(error why) {
  auto is_of_machine = why.code == errc::unavailable
                       || why.code == errc::corrupted
                       || why.code == errc::sealed;
  // Others quote at most what the caller sent.
  if (!is_of_machine)
    return why;
  constexpr std::string_view ends = " ,;:()'\"";
  std::string out;
  std::string_view rest{why.detail};
  while (!rest.empty()) {
    auto end = std::min(rest.find_first_of(ends), rest.size());
    auto word = rest.substr(0, end);
    if (word.starts_with('/'))
      word.remove_prefix(word.rfind('/') + 1);
    out += word;
    if (end < rest.size())
      out += rest[end++];
    rest.remove_prefix(end);
  }
  why.detail = std::move(out);
  return why;
}

http_response problem(const error& why, std::string_view request_id,
                      unsigned status) {
  http_response out;
  out.status = status != 0 ? status : status_of(why.code);
  out.content_type = "application/problem+json";
  auto code = to_string(why.code);
  out.body
    = to_json_text(boost::json::object{{"type", "/docs#" + std::string{code}},
                                       {"title", title_of(why.code)},
                                       {"status", out.status},
                                       {"detail", why.detail},
                                       {"code", code},
                                       {"request_id", request_id}});
  if (out.status == unauthorized)
    out.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (out.status == service_unavailable || out.status == too_many_requests) {
    // Whole seconds: shorter waits are rounded up.
    auto seconds = std::chrono::ceil<std::chrono::seconds>(why.retry_after);
    out.headers.emplace_back(
      "Retry-After", std::to_string(std::max<long>(1, seconds.count())));
  }
  return out;
}

} // namespace cloister::server
