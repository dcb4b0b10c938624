// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "server/route.hpp"

namespace cloister::server {

namespace {

std::vector<std::string_view> segments_of(std::string_view pattern) {
  std::vector<std::string_view> out;
  for (std::size_t at = 1; at < pattern.size();) {
    auto end = std::min(pattern.find('/', at), pattern.size());
    out.push_back(pattern.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

struct known_route {
  const route* what = nullptr;
  std::vector<std::string_view> segments;
};

const std::vector<known_route>& known_routes() {
  static const auto routes = [] {
    std::vector<known_route> out;
    for (auto each : all_routes())
      out.push_back({each, segments_of(each->pattern)});
    return out;
  }();
  return routes;
}

bool is_placeholder(std::string_view segment) {
  return segment.starts_with('{');
}

bool matches(const known_route& known, const http_target& target) {
  // Two addresses of one thing would be one more to guard.
  if (target.ends_with_slash != known.what->pattern.ends_with('/'))
    return false;
  return std::equal(known.segments.begin(), known.segments.end(),
                    target.segments.begin(), target.segments.end(),
                    [](std::string_view pattern, const std::string& given) {
                      return is_placeholder(pattern) || pattern == given;
                    });
}

/// How many segments are written out; those win over placeholders.
std::ptrdiff_t exactness(const known_route& known) {
  return std::count_if(known.segments.begin(), known.segments.end(),
                       [](auto each) { return !is_placeholder(each); });
}

void add_path_parameters(const known_route& known, exchange& call) {
  for (std::size_t i = 0; i < known.segments.size(); ++i)
    if (is_placeholder(known.segments[i]))
      call.path_parameters.emplace_back(
        known.segments[i].substr(1, known.segments[i].size() - 2),
        call.target.segments[i]);
}

/// mem0's addresses are in no description of ours.
std::string no_such_address(const http_target& target) {
  auto is_mem0 = !target.segments.empty()
                 && (target.segments.front() == "mem0"
                     || (target.ends_with_slash
                         && target.segments.front().starts_with('v')));
  if (is_mem0)
    return "there is no such address; mem0's client takes the host "
           "http://HOST:PORT/mem0, without a slash at its end, and its "
           "addresses end with one";
  return "there is no such address; /docs shows those there are";
}

void no_such_method(const exchange_ptr& call, const std::string& allowed) {
  constexpr unsigned method_not_allowed = 405;
  call->fail({errc::invalid_argument,
              "this address does not have that method; it has " + allowed},
             method_not_allowed, {{"Allow", allowed}});
}

} // namespace

const std::vector<const route*>& all_routes() {
  static const auto routes = [] {
    std::vector<const route*> out;
    for (auto part :
         {memory_routes(), session_routes(), scope_routes(), key_routes(),
          audit_routes(), transfer_routes(), event_routes(), operator_routes(),
          store_routes(), mcp_routes(), mem0_memory_routes(),
          mem0_entity_routes(), mem0_project_routes(), system_routes()})
      for (const auto& each : part)
        out.push_back(&each);
    return out;
  }();
  return routes;
}

void run_route(const exchange_ptr& call, std::optional<error> busy) {
  auto target = http_target::parse(call->request().target);
  if (target.has_error())
    return call->fail(target.error());
  call->target = std::move(*target);
  // HEAD is GET whose body is left away.
  auto method = call->request().method == http_method::head
                  ? http_method::get
                  : call->request().method;
  const known_route* found = nullptr;
  std::string allowed;
  for (const auto& known : known_routes()) {
    if (!matches(known, call->target))
      continue;
    allowed += (allowed.empty() ? "" : ", ")
               + std::string{to_string(known.what->method)};
    if (known.what->method == method
        && (found == nullptr || exactness(known) > exactness(*found)))
      found = &known;
  }
  if (found == nullptr && !allowed.empty())
    return no_such_method(call, allowed);
  if (found == nullptr)
    return call->fail({errc::not_found, no_such_address(call->target)});
  call->where = found->what;
  add_path_parameters(*found, *call);
  if (busy && found->what->needs != access::anyone)
    return call->fail(*busy);
  constexpr std::size_t long_body_bytes = 16 * 1024;
  if (call->request().body.size() <= long_body_bytes)
    return found->what->run(call);
  if (found->what->needs != access::api_key)
    return call->fail({errc::too_large, "the body is too long"});
  // Before it is parsed, which costs many times its length.
  call->with_client_of("", [call](const client&) { call->where->run(call); });
}

} // namespace cloister::server
