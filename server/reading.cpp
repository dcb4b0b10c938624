// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/reading.hpp"

#include <algorithm>
#include <charconv>

#include "core/rfc3339.hpp"
#include "server/route.hpp"

namespace cloister::server {

namespace {

/// Whether all of a text is a number.
template <class Number>
bool parse_number(std::string_view text, Number& out) {
  auto end = text.data() + text.size();
  auto [at, code] = std::from_chars(text.data(), end, out);
  return !text.empty() && code == std::errc{} && at == end;
}

} // namespace

std::optional<memory_id> read_memory_id(const exchange_ptr& call) {
  auto id = memory_id::parse(call->path_parameter("id"));
  if (id)
    return *id;
  call->fail({errc::invalid_argument,
              "the id of a memory is a UUID, like those that creating and "
              "listing memories answer"});
  return std::nullopt;
}

std::optional<precondition> read_if_match(const exchange_ptr& call) {
  if (call->request().count("if-match") == 0)
    return precondition{};
  auto text = call->request().header("if-match");
  if (text == "*")
    return precondition{};
  if (text.size() > 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  std::uint32_t revision = 0;
  if (parse_number(text, revision))
    return precondition{revision};
  call->fail({errc::invalid_argument,
              "If-Match takes one ETag, which is a revision, like \"3\""});
  return std::nullopt;
}

std::optional<std::size_t> read_number(const exchange_ptr& call,
                                       std::string_view name,
                                       std::size_t otherwise) {
  auto text = call->query(name);
  if (!text)
    return otherwise;
  std::size_t out = 0;
  if (parse_number(*text, out))
    return out;
  call->fail(
    {errc::invalid_argument, '"' + std::string{name} + "\" is a number"});
  return std::nullopt;
}

std::optional<std::size_t> read_limit(const exchange_ptr& call,
                                      std::size_t otherwise) {
  return read_number(call, "limit", otherwise);
}

std::optional<bool> read_flag(const exchange_ptr& call, std::string_view name) {
  auto text = call->query(name);
  if (!text || *text == "false" || *text == "0")
    return false;
  if (*text == "true" || *text == "1")
    return true;
  call->fail(
    {errc::invalid_argument, "\"" + std::string{name} + "\" is true or false"});
  return std::nullopt;
}

std::optional<audit_options> read_audit_options(const exchange_ptr& call) {
  auto limit = read_limit(call, limits::page_results_default);
  if (!limit)
    return std::nullopt;
  audit_options options;
  options.limit = *limit;
  options.cursor = call->query("cursor");
  options.operation = call->query("operation");
  options.outcome = call->query("outcome");
  options.principal = call->query("principal");
  if (auto since = call->query("since")) {
    auto at = parse_rfc3339(*since);
    if (at.has_error()) {
      call->fail(at.error());
      return std::nullopt;
    }
    options.since = *at;
  }
  return options;
}

std::vector<std::string> read_names(const exchange_ptr& call,
                                    std::string_view name) {
  std::vector<std::string> out;
  for (const auto& [known, value] : call->target.query) {
    if (known != name)
      continue;
    for (std::size_t at = 0;;) {
      auto end = value.find(',', at);
      out.push_back(value.substr(at, end - at));
      if (end == std::string::npos)
        break;
      at = end + 1;
    }
  }
  return out;
}

tenant_shares::turn take_room_for(const exchange_ptr& call, const client& bound,
                                  std::size_t results) {
  // More than most memories have, and less than they may have.
  constexpr std::size_t bytes_of_each = 8 * 1024;
  auto room = call->of().reads.take(
    bound.bound_to(),
    std::min(std::min(results, limits::page_results_max) * bytes_of_each,
             limits::answer_bytes_max));
  if (!room)
    call->fail({errc::overloaded, "too much is being read at a time; try again",
                limits::overload_retry_hint});
  return room;
}

bool check_query(const exchange_ptr& call) {
  for (const auto& given : call->target.query) {
    const auto& name = given.first;
    auto times
      = std::count_if(call->target.query.begin(), call->target.query.end(),
                      [&](const auto& each) { return each.first == name; });
    // Which one counts would be left to chance.
    if (times > 1 && name != "scopes") {
      call->fail(
        {errc::invalid_argument, "a parameter of the address was given twice"});
      return false;
    }
    auto is_known
      = (call->where->has_user_id && name == "user_id")
        || std::any_of(call->where->query.begin(), call->where->query.end(),
                       [&](const auto& each) { return each.name == name; });
    if (is_known)
      continue;
    constexpr std::size_t shown_max = 64;
    std::string known = call->where->has_user_id ? "user_id" : "";
    for (const auto& each : call->where->query)
      known += (known.empty() ? "" : ", ") + std::string{each.name};
    call->fail({errc::invalid_argument,
                "this address has no parameter \"" + name.substr(0, shown_max)
                  + "\"; it has " + (known.empty() ? "none" : known)});
    return false;
  }
  return true;
}

} // namespace cloister::server
