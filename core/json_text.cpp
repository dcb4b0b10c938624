// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/json_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "core/limits.hpp"

namespace cloister {

namespace {

namespace json = boost::json;

result<json::object> parse_object(std::string_view text) {
  boost::system::error_code code;
  json::parse_options options;
  options.max_depth = limits::metadata_depth_max;
  auto value = json::parse({text.data(), text.size()}, code, {}, options);
  if (code)
    return error{errc::invalid_argument, "not valid JSON: " + code.message()};
  if (!value.is_object())
    return error{errc::invalid_argument, "a JSON object was expected"};
  return std::move(value.as_object());
}

/// RFC 7396, section 2.
void merge(json::object& target, const json::object& patch) {
  for (const auto& member : patch) {
    if (member.value().is_null()) {
      target.erase(member.key());
      continue;
    }
    if (!member.value().is_object()) {
      target[member.key()] = member.value();
      continue;
    }
    auto& slot = target[member.key()];
    if (!slot.is_object())
      slot = json::object{};
    merge(slot.as_object(), member.value().as_object());
  }
}

} // namespace

result<std::string> canonical_json_object(std::string_view text) {
  if (text.empty() || text == "{}")
    return std::string{"{}"};
  auto object = parse_object(text);
  if (object.has_error())
    return object.error();
  return json::serialize(*object);
}

result<std::string> merge_json_object(std::string_view target,
                                      std::string_view patch) {
  auto base = parse_object(target);
  if (base.has_error())
    return base.error();
  auto change = parse_object(patch);
  if (change.has_error())
    return change.error();
  merge(*base, *change);
  return json::serialize(*base);
}

} // namespace cloister
