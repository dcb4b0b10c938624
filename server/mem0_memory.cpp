// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_memory.hpp"

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "core/rfc3339.hpp"
#include "server/mem0_names.hpp"

namespace cloister::server::mem0 {

namespace {

namespace json = boost::json;

constexpr std::size_t date_length = 10;

json::value nullable(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

json::object metadata_of(const memory& value) {
  boost::system::error_code failed;
  auto parsed = json::parse(value.metadata, failed);
  return !failed && parsed.is_object() ? parsed.get_object() : json::object{};
}

json::object own_part(const json::object& metadata) {
  auto own = metadata.if_contains(own_member);
  return own != nullptr && own->is_object() ? own->get_object()
                                            : json::object{};
}

json::value member_or(const json::object& of, std::string_view name,
                      json::value otherwise) {
  auto found = of.if_contains(name);
  return found != nullptr ? *found : std::move(otherwise);
}

} // namespace

json::object shown(const memory& value, const scope& where) {
  auto ids = ids_in(where);
  auto metadata = metadata_of(value);
  auto own = own_part(metadata);
  metadata.erase(own_member);
  json::object out;
  out["id"] = value.id.to_string();
  out["memory"] = value.content;
  for (const auto& kind : entity_kinds)
    out[kind.field] = nullable(ids.*kind.of);
  out["session_id"] = nullable(ids.run);
  out["metadata"] = std::move(metadata);
  out["categories"] = member_or(own, "categories", json::array{});
  out["structured_attributes"] = nullptr;
  out["replaced_by"] = nullptr;
  out["synthesized"] = false;
  out["immutable"] = member_or(own, "immutable", false);
  out["expiration_date"] = member_or(own, "expiration_date", nullptr);
  out["lifecycle_state"] = "active";
  out["created_at"]
    = member_or(own, "timestamp", json::value(to_rfc3339(value.created_at)));
  out["updated_at"] = to_rfc3339(value.updated_at);
  return out;
}

std::string today(timestamp now) {
  return to_rfc3339(now).substr(0, date_length);
}

bool is_hidden(const memory& value, std::string_view today) {
  // Most have nothing of ours: they are not parsed for that.
  if (value.metadata.find(own_member) == std::string::npos)
    return false;
  auto date = own_part(metadata_of(value)).if_contains("expiration_date");
  return date != nullptr && date->is_string()
         && std::string_view{date->get_string()} < today;
}

result<std::string> checked_date(std::string_view text) {
  if (text.size() != date_length || parse_rfc3339(text).has_error())
    return error{errc::invalid_argument,
                 "expiration_date is a date like 2026-01-31"};
  return std::string{text};
}

result<std::string> stored_metadata(const json::value& given,
                                    json::object own) {
  if (!given.is_null() && !given.is_object())
    return error{errc::invalid_argument, "metadata is an object"};
  auto out = given.is_object() ? given.get_object() : json::object{};
  if (out.contains(own_member))
    return error{errc::invalid_argument,
                 "metadata has a member \"_mem0\", which is reserved"};
  if (!own.empty())
    out[own_member] = std::move(own);
  return to_json_text(out);
}

json::array history_of(const std::vector<memory>& newest_first,
                       const scope& where) {
  json::array out;
  const memory* before = nullptr;
  for (auto at = newest_first.rbegin(); at != newest_first.rend(); ++at) {
    auto row = shown(*at, where);
    json::object message;
    message["role"] = "user";
    message["content"] = at->content;
    json::array input;
    input.push_back(std::move(message));
    row["memory_id"] = at->id.to_string();
    row["id"] = at->id.to_string() + '-' + std::to_string(at->revision);
    row["input"] = std::move(input);
    row["old_memory"]
      = before != nullptr ? json::value(before->content) : json::value(nullptr);
    row["new_memory"] = at->content;
    row["event"] = at->revision == 1 ? "ADD" : "UPDATE";
    row["created_at"] = to_rfc3339(at->updated_at);
    row.erase("memory");
    out.push_back(std::move(row));
    before = &*at;
  }
  return out;
}

} // namespace cloister::server::mem0
