// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_input.hpp"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "core/rfc3339.hpp"
#include "server/mem0_filter.hpp"
#include "server/mem0_memory.hpp"

namespace cloister::server::mem0 {

namespace json = boost::json;

namespace {

constexpr std::size_t page_size_max = 200;

error invalid(std::string what) {
  return {errc::invalid_argument, std::move(what)};
}

} // namespace

result<std::string> text_in(const json::object& from, std::string_view name) {
  auto value = from.if_contains(name);
  if (value == nullptr || !value->is_string() || value->get_string().empty())
    return invalid(std::string{name} + " is missing");
  return std::string{value->get_string()};
}

std::optional<double> number_in(const json::object& from,
                                std::string_view name) {
  auto value = from.if_contains(name);
  if (value == nullptr || !value->is_number())
    return std::nullopt;
  return value->to_number<double>();
}

/// Seconds since 1970, or a text. Nothing where it is absent.
result<std::optional<timestamp>> time_in(const json::object& from,
                                         std::string_view name) {
  auto value = from.if_contains(name);
  if (value == nullptr || value->is_null())
    return std::optional<timestamp>{};
  auto text = instant_text(*value);
  if (text.has_error())
    return invalid(std::string{name}
                   + " is a number of seconds, or a text like 2026-01-31");
  return std::optional{*parse_rfc3339(*text)};
}

bool flag_in(const json::object& from, std::string_view name) {
  auto value = from.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

/// A message's text: a string, or the parts of it that are one.
std::string content_of(const json::value& content) {
  if (content.is_string())
    return std::string{content.get_string()};
  std::string out;
  if (content.is_array())
    for (const auto& part : content.get_array()) {
      auto text
        = part.is_object() ? part.get_object().if_contains("text") : nullptr;
      if (text != nullptr && text->is_string())
        out += (out.empty() ? "" : "\n") + std::string{text->get_string()};
    }
  return out;
}

/// What of a conversation is kept: no language model says what it means, so
/// that it is the user's own words, or else everybody's.
result<std::vector<std::string>> contents_in(const json::object& body) {
  auto messages = body.if_contains("messages");
  if (messages != nullptr && messages->is_string())
    return std::vector<std::string>{std::string{messages->get_string()}};
  if (messages == nullptr || !messages->is_array()
      || messages->get_array().empty())
    return invalid("messages is a list of {\"role\", \"content\"}");
  std::vector<std::string> of_user;
  std::vector<std::string> of_others;
  for (const auto& each : messages->get_array()) {
    auto role
      = each.is_object() ? each.get_object().if_contains("role") : nullptr;
    auto content
      = each.is_object() ? each.get_object().if_contains("content") : nullptr;
    if (role == nullptr || !role->is_string() || content == nullptr)
      return invalid("messages is a list of {\"role\", \"content\"}");
    auto text = content_of(*content);
    if (text.empty() || *role == "system")
      continue;
    (*role == "user" ? of_user : of_others).push_back(std::move(text));
  }
  auto out = of_user.empty() ? std::move(of_others) : std::move(of_user);
  if (out.empty())
    return invalid("no message has any text");
  return out;
}

/// What mem0 knows of a memory and we do not.
result<json::object> own_members(const json::object& body) {
  json::object own;
  if (auto date = body.if_contains("expiration_date");
      date != nullptr && !date->is_null()) {
    auto checked = date->is_string()
                     ? checked_date(std::string{date->get_string()})
                     : result<std::string>{
                       invalid("expiration_date is a date like 2026-01-31")};
    if (checked.has_error())
      return checked.error();
    own["expiration_date"] = *checked;
  }
  if (flag_in(body, "immutable"))
    own["immutable"] = true;
  if (auto list = body.if_contains("categories");
      list != nullptr && list->is_array())
    own["categories"] = *list;
  return own;
}

result<std::string> metadata_in(const json::object& body) {
  auto own = own_members(body);
  if (own.has_error())
    return own.error();
  auto given = body.if_contains("metadata");
  return stored_metadata(given != nullptr ? *given : json::value(nullptr),
                         *own);
}

result<std::vector<memory_draft>> drafts_in(const json::object& body) {
  auto contents = contents_in(body);
  if (contents.has_error())
    return contents.error();
  auto metadata = metadata_in(body);
  if (metadata.has_error())
    return metadata.error();
  auto at = time_in(body, "timestamp");
  if (at.has_error())
    return at.error();
  std::vector<memory_draft> out;
  for (auto& content : *contents) {
    memory_draft draft;
    draft.content = std::move(content);
    draft.metadata = *metadata;
    draft.created_at = *at;
    out.push_back(std::move(draft));
  }
  return out;
}

/// Options that say the same as a filter would: name, field and comparison.
struct narrowing_option {
  std::string_view name;
  std::string_view field;
  std::string_view compare;
};
constexpr std::array<narrowing_option, 5> narrowing_options{
  {{"categories", "categories", ""},
   {"metadata", "metadata", ""},
   {"keywords", "keywords", ""},
   {"start_date", "created_at", "gte"},
   {"end_date", "created_at", "lte"}}};

json::object both(json::object filters, std::string_view field,
                  json::value condition) {
  json::object one;
  one[field] = std::move(condition);
  if (filters.empty())
    return one;
  json::array all;
  all.push_back(std::move(filters));
  all.push_back(std::move(one));
  json::object out;
  out["AND"] = std::move(all);
  return out;
}

/// `filters`, or, in older versions, ids beside it.
result<json::object> filters_in(const json::object& body,
                                bool takes_ids_beside) {
  json::object out;
  if (auto given = body.if_contains("filters");
      given != nullptr && !given->is_null()) {
    if (!given->is_object())
      return invalid("filters is an object");
    out = given->get_object();
  }
  for (const auto& [name, field, compare] : narrowing_options) {
    auto beside = body.if_contains(name);
    if (beside == nullptr || beside->is_null())
      continue;
    json::value condition = *beside;
    if (!compare.empty()) {
      json::object comparison;
      comparison[compare] = *beside;
      condition = std::move(comparison);
    }
    out = both(std::move(out), field, std::move(condition));
  }
  for (const auto& kind : entity_kinds) {
    auto beside = body.if_contains(kind.field);
    if (beside == nullptr || beside->is_null())
      continue;
    if (!takes_ids_beside)
      return invalid(std::string{kind.field}
                     + " stands in filters, like {\"filters\": {\""
                     + std::string{kind.field} + "\": …}}");
    out = both(std::move(out), kind.field, *beside);
  }
  return out;
}

result<page_wish> page_in(const call& of, const json::object& body) {
  page_wish out;
  auto page = of.number_in_query("page", 0);
  auto size = of.number_in_query("page_size", 0);
  if (page.has_error())
    return page.error();
  if (size.has_error())
    return size.error();
  auto in_body = [&](std::string_view name) {
    auto value = number_in(body, name).value_or(0);
    return value >= 1 && value <= 1e9 ? static_cast<std::size_t>(value) : 0;
  };
  out.page = *page != 0 ? *page : in_body("page");
  auto wanted = *size != 0 ? *size : in_body("page_size");
  if (wanted != 0)
    out.size = std::min(wanted, page_size_max);
  return out;
}

} // namespace cloister::server::mem0
