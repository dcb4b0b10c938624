// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "wire/input.hpp"

#include <boost/json.hpp>

namespace cloister::wire {

namespace {

namespace json = boost::json;

/// Seconds, with fractions.
std::chrono::milliseconds span(object_reader& from, std::string_view name,
                               std::chrono::milliseconds otherwise) {
  auto seconds = from.real(name);
  if (!seconds)
    return otherwise;
  constexpr auto most
    = std::chrono::duration<double>(limits::session_timeout_max).count();
  if (!(*seconds >= 0 && *seconds <= most)) {
    from.fail({errc::invalid_argument,
               "\"" + std::string{name}
                 + "\" is a number of seconds, at most a year of them"});
    return otherwise;
  }
  return std::chrono::milliseconds{
    static_cast<std::int64_t>(*seconds * 1000 + 0.5)};
}

} // namespace

memory_draft read_draft(object_reader& from) {
  memory_draft out;
  if (auto content = from.text("content"))
    out.content = std::move(*content);
  else
    from.miss("content");
  if (auto type = from.text("memory_type"))
    out.memory_type = std::move(*type);
  if (auto metadata = from.object("metadata"))
    out.metadata = std::move(*metadata);
  out.key = from.text("key");
  if (auto embedding = from.reals("embedding"))
    out.embedding = std::move(*embedding);
  out.expires_at = from.time("expires_at");
  out.created_at = from.time("created_at");
  return out;
}

memory_patch read_patch(object_reader& from) {
  memory_patch out;
  out.content = from.text("content");
  out.memory_type = from.text("memory_type");
  out.metadata = from.object("metadata");
  out.embedding = from.reals("embedding");
  auto expiry = from.any("expires_at");
  if (expiry != nullptr && expiry->is_null())
    out.expires_at = std::optional<timestamp>{};
  else if (auto at = from.time("expires_at"))
    out.expires_at = at;
  return out;
}

visibility read_visibility(object_reader& from) {
  auto name = from.text("visibility");
  if (!name)
    return visibility::self;
  auto parsed = parse_visibility(*name);
  if (parsed)
    return *parsed;
  from.fail(parsed.error());
  return visibility::self;
}

search_options read_search(object_reader& from) {
  search_options out;
  if (auto query = from.text("query"))
    out.query = std::move(*query);
  if (auto limit = from.number("limit"))
    out.limit = *limit;
  out.memory_type = from.text("memory_type");
  out.filter = from.object("filter");
  if (auto score = from.real("min_score"))
    out.min_score = *score;
  out.reach = read_visibility(from);
  if (auto scopes = from.texts("scopes"))
    out.scopes = std::move(*scopes);
  if (auto embedding = from.reals("embedding"))
    out.embedding = std::move(*embedding);
  if (auto mode = from.text("mode")) {
    auto parsed = parse_search_mode(*mode);
    if (parsed)
      out.mode = *parsed;
    else
      from.fail(parsed.error());
  }
  if (auto timeout = from.number("timeout_ms"))
    out.timeout = std::chrono::milliseconds{
      std::min<std::uint64_t>(*timeout, limits::request_timeout_max.count())};
  return out;
}

session_options read_session(object_reader& from) {
  session_options out;
  if (auto resumable = from.flag("resumable"))
    out.resumable = *resumable;
  out.idle_timeout = span(from, "idle_timeout", out.idle_timeout);
  out.absolute_timeout = span(from, "absolute_timeout", out.absolute_timeout);
  out.lease = span(from, "lease", out.lease);
  return out;
}

key_options read_key(object_reader& from) {
  key_options out;
  if (auto scope = from.text("scope"))
    out.root = std::move(*scope);
  if (auto names = from.text("permissions")) {
    auto parsed = parse_permissions(*names);
    if (parsed)
      out.permissions = *parsed;
    else
      from.fail(parsed.error());
  } else {
    from.miss("permissions", "name some, like \"read,write\"");
  }
  out.expires_at = from.time("expires_at");
  if (auto label = from.text("label"))
    out.label = std::move(*label);
  if (auto ancestors = from.text("ancestors"))
    out.ancestors = std::move(*ancestors);
  out.promote_to = from.text("promote_to");
  return out;
}

quota_changes read_quota(object_reader& from) {
  quota_changes out;
  for (const auto& field : quota_fields) {
    auto given = from.any(field.name);
    if (given == nullptr)
      continue;
    if (given->is_null())
      out.*field.change = std::optional<std::uint64_t>{};
    else if (auto number = from.number(field.name))
      out.*field.change = number;
  }
  return out;
}

} // namespace cloister::wire
