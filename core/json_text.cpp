// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "core/limits.hpp"

namespace cloister {

namespace {

namespace json = boost::json;

/// JSON has no infinity; a number beyond a double's range reads as one.
bool all_finite(const json::value& value) {
  if (auto number = value.if_double())
    return std::isfinite(*number);
  if (auto array = value.if_array())
    return std::all_of(array->begin(), array->end(), all_finite);
  if (auto object = value.if_object())
    return std::all_of(object->begin(), object->end(), [](const auto& member) {
      return all_finite(member.value());
    });
  return true;
}

void write(const json::value& value, std::string& out);

/// RFC 8259, section 7: without what must be escaped; DEL is left to the
/// library, too.
bool is_plain(std::string_view text) {
  // All are looked at, which is faster than to ask after each.
  unsigned special = 0;
  for (auto each : text) {
    auto code = static_cast<unsigned char>(each);
    special |= static_cast<unsigned>(code < 0x20)
               | static_cast<unsigned>(code == 0x7f)
               | static_cast<unsigned>(code == '"')
               | static_cast<unsigned>(code == '\\');
  }
  return special == 0;
}

void write_text(std::string_view text, std::string& out) {
  // Most have nothing to escape, and are copied as they are.
  if (!is_plain(text)) {
    out.append(json::serialize(json::string_view{text.data(), text.size()}));
    return;
  }
  out.push_back('"');
  out.append(text);
  out.push_back('"');
}

template <class Integer>
void write_integer(Integer number, std::string& out) {
  char buffer[24];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  out.append(buffer, end);
}

template <class Range, class Write>
void write_list(char open, const Range& range, char close, std::string& out,
                Write write_one) {
  out.push_back(open);
  bool first = true;
  for (const auto& each : range) {
    if (!std::exchange(first, false))
      out.push_back(',');
    write_one(each);
  }
  out.push_back(close);
}

/// The shortest text that reads as the same number. Boost writes 0.1 as 1E-1.
void write_double(double number, std::string& out) {
  char buffer[32];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  std::string_view text{buffer, static_cast<std::size_t>(end - buffer)};
  out.append(text);
  // What was written as a fraction stays one.
  if (text.find_first_of(".e") == std::string_view::npos)
    out.append(".0");
}

void write(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::object:
      return write_list('{', value.get_object(), '}', out,
                        [&out](const auto& member) {
                          write_text(member.key(), out);
                          out.push_back(':');
                          write(member.value(), out);
                        });
    case json::kind::array:
      return write_list('[', value.get_array(), ']', out,
                        [&out](const auto& each) { write(each, out); });
    case json::kind::string:
      return write_text(value.get_string(), out);
    case json::kind::double_:
      return write_double(value.get_double(), out);
    case json::kind::int64:
      return write_integer(value.get_int64(), out);
    case json::kind::uint64:
      return write_integer(value.get_uint64(), out);
    case json::kind::bool_:
      out.append(value.get_bool() ? "true" : "false");
      return;
    case json::kind::null:
      out.append("null");
      return;
  }
}

result<json::object> parse_object(std::string_view text) {
  boost::system::error_code code;
  json::parse_options options;
  options.max_depth = limits::metadata_depth_max;
  auto value = json::parse({text.data(), text.size()}, code, {}, options);
  if (code)
    return error{errc::invalid_argument, "not valid JSON: " + code.message()};
  if (!value.is_object())
    return error{errc::invalid_argument, "a JSON object was expected"};
  if (!all_finite(value))
    return error{errc::invalid_argument, "a number is too large"};
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

std::string to_json_text(const json::value& value) {
  std::string out;
  write(value, out);
  return out;
}

std::optional<std::string>
first_member(std::string_view object, std::span<const std::string_view> names) {
  // Most objects have none of them, and need not be parsed.
  auto may_have = std::any_of(names.begin(), names.end(), [&](auto name) {
    return object.find(name) != std::string_view::npos;
  });
  if (!may_have)
    return std::nullopt;
  auto parsed = parse_object(object);
  if (parsed.has_error())
    return std::nullopt;
  for (auto name : names) {
    auto found = parsed->if_contains(name);
    if (found != nullptr && found->is_string())
      return std::string{found->get_string()};
    if (found != nullptr && found->is_number())
      return to_json_text(*found);
  }
  return std::nullopt;
}

result<std::string> canonical_json_object(std::string_view text) {
  if (text.empty() || text == "{}")
    return std::string{"{}"};
  auto object = parse_object(text);
  if (object.has_error())
    return object.error();
  return to_json_text(*object);
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
  return to_json_text(*base);
}

} // namespace cloister
