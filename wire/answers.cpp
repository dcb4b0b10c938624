// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "wire/answers.hpp"

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "core/rfc3339.hpp"
#include "wire/object_reader.hpp"

namespace cloister::wire {

namespace {

namespace json = boost::json;

error no_answer() {
  return {errc::unavailable,
          "the server answered something else than was asked for; is it a "
          "Cloister of this version?"};
}

/// Reads members one after the other; whether all were there shows at the end.
class members {
public:
  explicit members(const json::value& from) : object_(from.if_object()) {}

  const json::value* find(std::string_view name) {
    auto found = object_ != nullptr ? object_->if_contains(name) : nullptr;
    return found != nullptr && !found->is_null() ? found : nullptr;
  }

  members& text(std::string_view name, std::string& to) {
    auto found = find(name);
    if (found != nullptr && found->is_string())
      to = found->get_string();
    else
      is_whole_ = false;
    return *this;
  }
  members& text(std::string_view name, std::optional<std::string>& to) {
    if (auto found = find(name); found != nullptr && found->is_string())
      to = std::string{found->get_string()};
    return *this;
  }
  /// Empty where it is `null`.
  members& text_or_null(std::string_view name, std::string& to) {
    if (auto found = find(name); found != nullptr && found->is_string())
      to = found->get_string();
    return *this;
  }
  template <class Number>
  members& number(std::string_view name, Number& to) {
    auto found = find(name);
    boost::system::error_code code;
    if (found != nullptr && found->is_number())
      to = found->to_number<Number>(code);
    is_whole_ = is_whole_ && found != nullptr && !code;
    return *this;
  }
  template <class Number>
  members& number(std::string_view name, std::optional<Number>& to) {
    boost::system::error_code code;
    if (auto found = find(name); found != nullptr && found->is_number())
      to = found->to_number<Number>(code);
    is_whole_ = is_whole_ && !code;
    return *this;
  }
  members& flag(std::string_view name, bool& to) {
    auto found = find(name);
    if (found != nullptr && found->is_bool())
      to = found->get_bool();
    else
      is_whole_ = false;
    return *this;
  }
  members& time(std::string_view name, timestamp& to) {
    std::optional<timestamp> at;
    time(name, at);
    if (at)
      to = *at;
    else
      is_whole_ = false;
    return *this;
  }
  members& time(std::string_view name, std::optional<timestamp>& to) {
    auto found = find(name);
    if (found == nullptr)
      return *this;
    auto parsed = found->is_string() ? parse_rfc3339(found->get_string())
                                     : result<timestamp>{no_answer()};
    if (parsed)
      to = *parsed;
    else
      is_whole_ = false;
    return *this;
  }
  /// A value that `parse` makes of a text.
  template <class T, class Parse>
  members& parsed(std::string_view name, T& to, Parse parse) {
    std::string given;
    text(name, given);
    auto out = parse(given);
    if (out)
      to = std::move(*out);
    else
      is_whole_ = false;
    return *this;
  }

  bool is_whole() const {
    return object_ != nullptr && is_whole_;
  }

private:
  const json::object* object_;
  bool is_whole_ = true;
};

/// `results`, each by `parse`.
template <class T, class Parse>
result<std::vector<T>> rows_of(const json::value& from, Parse parse) {
  auto list = members{from}.find("results");
  if (list == nullptr || !list->is_array())
    return no_answer();
  std::vector<T> out;
  for (const auto& each : list->get_array()) {
    auto row = parse(each);
    if (row.has_error())
      return row.error();
    out.push_back(std::move(*row));
  }
  return out;
}

scope placeholder() {
  return scope::parse("org_x").value();
}

result<audit_record> parse_audit_record(const json::value& from) {
  audit_record out;
  members in{from};
  in.number("index", out.index)
    .time("time", out.at)
    .text("principal", out.principal)
    .text_or_null("key_id", out.key_id)
    .text("operation", out.operation)
    .text("scope", out.scope)
    .text("outcome", out.outcome)
    .text("reason", out.reason)
    .text("request_id", out.request_id)
    .number("count", out.count)
    .text_or_null("child", out.child)
    .text_or_null("target_scope", out.target);
  if (auto targets = in.find("targets"); targets && targets->is_array())
    for (const auto& each : targets->get_array())
      if (auto id = each.is_string() ? memory_id::parse(each.get_string())
                                     : result<memory_id>{no_answer()})
        out.targets.push_back(*id);
  if (auto chain = in.find("key_chain"); chain && chain->is_array())
    for (const auto& each : chain->get_array())
      if (each.is_string())
        out.key_chain.emplace_back(each.get_string());
  if (!in.is_whole())
    return no_answer();
  return out;
}

} // namespace

result<located_memory> parse_memory(const json::value& from) {
  located_memory out{{}, placeholder()};
  auto& value = out.memory;
  members in{from};
  in.parsed("id", value.id, memory_id::parse)
    .parsed("scope", out.where, scope::parse)
    .text("content", value.content)
    .text("memory_type", value.type)
    .text("key", value.key)
    .text("author", value.author)
    .number("revision", value.revision)
    .time("created_at", value.created_at)
    .time("updated_at", value.updated_at)
    .time("expires_at", value.expires_at);
  auto metadata = in.find("metadata");
  if (!in.is_whole() || metadata == nullptr || !metadata->is_object())
    return no_answer();
  value.metadata = to_json_text(*metadata);
  if (auto embedding = in.find("embedding"); embedding && embedding->is_array())
    for (const auto& each : embedding->get_array())
      if (each.is_number())
        value.embedding.push_back(static_cast<float>(each.to_number<double>()));
  if (auto origin = in.find("origin")) {
    memory_origin source;
    members{*origin}
      .parsed("id", source.id, memory_id::parse)
      .number("revision", source.revision);
    value.origin = source;
  }
  return out;
}

result<memory_list> parse_memory_list(const json::value& from) {
  auto rows = rows_of<located_memory>(from, parse_memory);
  if (rows.has_error())
    return rows.error();
  memory_list out{std::move(*rows), {}};
  members{from}.text("cursor", out.cursor);
  return out;
}

result<search_results> parse_search_results(const json::value& from) {
  auto rows = rows_of<search_hit>(
    from, [](const json::value& row) -> result<search_hit> {
      auto found = parse_memory(row);
      if (found.has_error())
        return found.error();
      search_hit out{std::move(found->memory), found->where, 0};
      members in{row};
      in.number("score", out.score);
      if (!in.is_whole())
        return no_answer();
      return out;
    });
  if (rows.has_error())
    return rows.error();
  return search_results{std::move(*rows)};
}

/// Of a key whose scope was erased nothing is left.
static result<permissions> parse_some_permissions(std::string_view text) {
  return text.empty() ? permissions::none : parse_permissions(text);
}

result<key_info> parse_key(const json::value& from) {
  key_info out;
  members in{from};
  in.text("key_id", out.key_id)
    .text("scope", out.scope)
    .parsed("permissions", out.permissions, parse_some_permissions)
    .text("label", out.label)
    .time("created_at", out.created_at)
    .time("expires_at", out.expires_at)
    .time("revoked_at", out.revoked_at)
    .text("ancestors", out.ancestors)
    .text("promote_to", out.promote_to)
    .number("revoked_narrowings", out.revoked_narrowings);
  if (!in.is_whole())
    return no_answer();
  return out;
}

result<new_key> parse_new_key(const json::value& from) {
  auto info = parse_key(from);
  auto object = from.if_object();
  auto text = object != nullptr ? object->if_contains("api_key") : nullptr;
  if (info.has_error() || text == nullptr || !text->is_string())
    return no_answer();
  return new_key{std::move(*info), std::string{text->get_string()}};
}

result<quota> parse_quota(const json::value& from) {
  quota out;
  members in{from};
  for (const auto& field : quota_fields)
    in.number(field.name, out.*field.limit);
  if (!in.is_whole())
    return no_answer();
  return out;
}

result<scope_summary> parse_scope(const json::value& from) {
  scope_summary out{placeholder()};
  members in{from};
  in.parsed("scope", out.name, scope::parse)
    .text("tag", out.tag)
    .number("incarnation", out.incarnation)
    .time("created_at", out.created_at)
    .number("memories", out.memories)
    .number("bytes", out.bytes)
    .number("audit_entries", out.audit_entries)
    .time("erased_at", out.erased_at);
  if (!in.is_whole())
    return no_answer();
  if (auto limits = in.find("limits")) {
    in.number("sessions", out.sessions);
    auto parsed = parse_quota(*limits);
    if (parsed.has_error())
      return parsed.error();
    out.limits = *parsed;
  }
  if (auto all = in.find("organization")) {
    organization_summary summary;
    members of{*all};
    of.number("memories", summary.memories)
      .number("bytes", summary.bytes)
      .number("sessions", summary.sessions);
    auto limits = of.find("limits");
    auto parsed
      = limits != nullptr ? parse_quota(*limits) : result<quota>{no_answer()};
    if (!of.is_whole() || parsed.has_error())
      return no_answer();
    summary.limits = *parsed;
    out.organization = summary;
  }
  return out;
}

result<scope_listing> parse_scope_listing(const json::value& from) {
  auto rows = rows_of<scope_summary>(from, parse_scope);
  if (rows.has_error())
    return rows.error();
  scope_listing out{std::move(*rows), false, 0};
  members in{from};
  if (in.find("truncated") != nullptr)
    in.flag("truncated", out.truncated);
  in.number("unreadable", out.unreadable);
  if (!in.is_whole())
    return no_answer();
  return out;
}

result<session_info> parse_session(const json::value& from) {
  session_info out{placeholder()};
  members in{from};
  in.parsed("scope", out.scope, scope::parse)
    .flag("resumable", out.resumable)
    .time("opened_at", out.opened_at)
    .time("expires_at", out.expires_at);
  if (!in.is_whole())
    return no_answer();
  return out;
}

result<erasure_receipt> parse_receipt(const json::value& from) {
  erasure_receipt out;
  members in{from};
  in.number("version", out.version)
    .text("scope", out.scope)
    .text("tag", out.tag)
    .number("incarnation", out.incarnation)
    .time("erased_at", out.erased_at)
    .number("scopes", out.scopes)
    .number("memories", out.memories)
    .number("unreadable", out.unreadable)
    .number("copies", out.copies)
    .number("copies_erased", out.copies_erased)
    .text_or_null("reason", out.reason)
    .text("principal", out.principal)
    .text_or_null("key_id", out.key_id)
    .text("audit_chain", out.audit_chain)
    .number("audit_index", out.audit_index)
    .text("audit_head", out.audit_head)
    .text("public_key", out.public_key)
    .text("signature", out.signature);
  if (!in.is_whole())
    return no_answer();
  return out;
}

result<audit_list> parse_audit_list(const json::value& from) {
  auto rows = rows_of<audit_record>(from, parse_audit_record);
  if (rows.has_error())
    return rows.error();
  audit_list out{std::move(*rows), {}};
  members{from}.text("cursor", out.cursor);
  return out;
}

result<audit_verification> parse_verification(const json::value& from) {
  audit_verification out;
  members in{from};
  in.number("entries", out.entries)
    .number("chains", out.chains)
    .number("pruned", out.pruned)
    .flag("intact", out.intact)
    .text_or_null("first_broken", out.first_broken)
    .text_or_null("reason", out.reason)
    .text("checked_against", out.checked_against);
  if (!in.is_whole())
    return no_answer();
  return out;
}

error parse_problem(unsigned status, std::string_view body) {
  error out{errc::unavailable,
            "the server answered HTTP " + std::to_string(status)};
  auto document = parse_json(body);
  if (document.has_error())
    return out;
  std::string code;
  members in{*document};
  in.text("code", code).text("detail", out.detail);
  constexpr auto last = static_cast<unsigned char>(errc::corrupted);
  for (unsigned char value = 1; value <= last; ++value)
    if (to_string(static_cast<errc>(value)) == code)
      out.code = static_cast<errc>(value);
  return out;
}

} // namespace cloister::wire
