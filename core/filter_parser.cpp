// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "core/filter.hpp"
#include "core/filter_tree.hpp"
#include "core/rfc3339.hpp"
#include "core/utf8.hpp"

namespace cloister {

namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, filter_field>, 10> fields{{
  {"id", filter_field::id},
  {"content", filter_field::content},
  {"memory_type", filter_field::memory_type},
  {"key", filter_field::key},
  {"author", filter_field::author},
  {"revision", filter_field::revision},
  {"created_at", filter_field::created_at},
  {"updated_at", filter_field::updated_at},
  {"expires_at", filter_field::expires_at},
  {"metadata", filter_field::metadata},
}};

constexpr std::array<std::pair<std::string_view, filter_operator>, 10>
  operators{{
    {"eq", filter_operator::eq},
    {"ne", filter_operator::ne},
    {"in", filter_operator::in},
    {"nin", filter_operator::nin},
    {"gt", filter_operator::gt},
    {"gte", filter_operator::gte},
    {"lt", filter_operator::lt},
    {"lte", filter_operator::lte},
    {"exists", filter_operator::exists},
    {"contains", filter_operator::contains},
  }};

template <class Table>
auto find_in(const Table& table, std::string_view name) {
  auto found = std::find_if(table.begin(), table.end(), [&](const auto& each) {
    return each.first == name;
  });
  return found == table.end() ? nullptr : &found->second;
}

template <class Table>
std::string names_of(const Table& table) {
  std::string out;
  for (const auto& each : table)
    out += (out.empty() ? "" : ", ") + std::string{each.first};
  return out;
}

std::string_view text_of(const json::string& of) {
  return {of.data(), of.size()};
}

error invalid(std::string what) {
  return {errc::invalid_argument, "the filter: " + std::move(what)};
}

error too_large(std::string what) {
  return {errc::too_large, "the filter " + std::move(what)};
}

/// Names in messages are a caller's: they are cut.
std::string quoted(std::string_view name) {
  constexpr std::size_t shown_bytes_max = 64;
  return '"' + std::string{name.substr(0, shown_bytes_max)} + '"';
}

class parser {
public:
  result<filter_node> filter(const json::value& from, std::size_t depth) {
    if (depth > limits::filter_depth_max)
      return too_large("nests deeper than "
                       + std::to_string(limits::filter_depth_max));
    auto object = from.if_object();
    if (object == nullptr)
      return invalid("where a condition should be there is none; it is an "
                     "object like {\"memory_type\": \"fact\"}");
    filter_node out;
    for (const auto& [name, value] : *object) {
      auto made = member({name.data(), name.size()}, value, depth);
      if (made.has_error())
        return made.error();
      out.children.push_back(std::move(*made));
    }
    return out;
  }

private:
  result<filter_node> member(std::string_view name, const json::value& value,
                             std::size_t depth) {
    if (name == "AND")
      return combined(filter_node::kind::all, name, value, depth);
    if (name == "OR")
      return combined(filter_node::kind::any, name, value, depth);
    if (name == "NOT")
      return combined(filter_node::kind::none, name, value, depth);
    return field(name, value);
  }

  result<filter_node> combined(filter_node::kind what, std::string_view name,
                               const json::value& value, std::size_t depth) {
    filter_node out;
    out.what = what;
    json::array one;
    if (what == filter_node::kind::none && value.is_object())
      one.push_back(value);
    auto list = one.empty() ? value.if_array() : &one;
    if (list == nullptr || list->empty())
      return invalid(std::string{name}
                     + " takes a list of at least one condition");
    for (const auto& each : *list) {
      auto made = filter(each, depth + 1);
      if (made.has_error())
        return made.error();
      out.children.push_back(std::move(*made));
    }
    return out;
  }

  result<filter_node> field(std::string_view name, const json::value& value) {
    filter_node test;
    test.what = filter_node::kind::test;
    auto dot = name.find('.');
    auto known = find_in(fields, name.substr(0, dot));
    if (known == nullptr
        || (dot != std::string_view::npos && *known != filter_field::metadata))
      return invalid("there is no field " + quoted(name) + "; there are "
                     + names_of(fields)
                     + ", and what is in the metadata, like metadata.priority");
    test.field = *known;
    while (dot != std::string_view::npos) {
      auto rest = name.substr(dot + 1);
      auto end = rest.find('.');
      test.path.emplace_back(rest.substr(0, end));
      if (test.path.back().empty())
        return invalid("the path " + quoted(name) + " has an empty step");
      dot = end == std::string_view::npos ? end : dot + 1 + end;
    }
    auto object = value.if_object();
    if (object == nullptr)
      return compared(std::move(test), name, "eq", value);
    if (object->empty())
      return invalid(quoted(name) + " has no operator; there are "
                     + names_of(operators));
    filter_node all;
    for (const auto& [compare, operand] : *object) {
      auto made
        = compared(test, name, {compare.data(), compare.size()}, operand);
      if (made.has_error())
        return made.error();
      all.children.push_back(std::move(*made));
    }
    return all;
  }

  result<filter_node> compared(filter_node test, std::string_view name,
                               std::string_view compare,
                               const json::value& operand) {
    if (++tests_ > limits::filter_tests_max)
      return too_large("has more than "
                       + std::to_string(limits::filter_tests_max)
                       + " comparisons");
    auto known = find_in(operators, compare);
    if (known == nullptr)
      return invalid("there is no operator " + quoted(compare) + " for "
                     + quoted(name) + "; there are " + names_of(operators));
    test.compare = *known;
    test.operand = operand;
    if (*known == filter_operator::contains
        && ++searches_ > limits::filter_contains_max)
      return too_large("has more than "
                       + std::to_string(limits::filter_contains_max)
                       + " times contains");
    if (auto wrong = check(test, name); wrong.has_error())
      return wrong.error();
    return test;
  }

  /// Operands are of the kind that their operator and their field want; times
  /// become numbers.
  static result<void> check(filter_node& test, std::string_view name) {
    auto& operand = test.operand;
    switch (test.compare) {
      case filter_operator::exists:
        if (!operand.is_bool())
          return invalid("exists of " + quoted(name) + " is true or false");
        return {};
      case filter_operator::contains:
        if (is_time(test.field) || test.field == filter_field::revision)
          return invalid(quoted(name) + " has no parts to contain");
        if (test.field != filter_field::metadata && !operand.is_string())
          return invalid(quoted(name) + " contains texts only");
        if (operand.is_string()
            && operand.get_string().size() > limits::filter_contains_bytes_max)
          return too_large("looks for more than "
                           + std::to_string(limits::filter_contains_bytes_max)
                           + " bytes in " + quoted(name));
        return {};
      case filter_operator::in:
      case filter_operator::nin:
        if (!operand.is_array()
            || operand.get_array().size() > limits::filter_list_max)
          return invalid("in and nin of " + quoted(name)
                         + " take a list of up to "
                         + std::to_string(limits::filter_list_max) + " values");
        for (auto& each : operand.get_array())
          if (auto done = as_comparable(test, name, each); done.has_error())
            return done;
        return {};
      case filter_operator::gt:
      case filter_operator::gte:
      case filter_operator::lt:
      case filter_operator::lte:
        if (!operand.is_number() && !operand.is_string())
          return invalid("gt, gte, lt and lte of " + quoted(name)
                         + " take a number, a text or a time");
        return as_comparable(test, name, operand);
      case filter_operator::eq:
      case filter_operator::ne:
        return as_comparable(test, name, operand);
    }
    return {};
  }

  /// What could never be equal is a mistake of the caller, but for metadata,
  /// whose members may be anything. Null asks for what is missing.
  static result<void> as_comparable(const filter_node& test,
                                    std::string_view name,
                                    json::value& operand) {
    if (test.field == filter_field::metadata || operand.is_null())
      return {};
    if (is_time(test.field))
      return as_time(name, operand);
    if (test.field == filter_field::revision && !operand.is_number())
      return invalid(quoted(name) + " is compared with numbers");
    if (test.field != filter_field::revision && !operand.is_string())
      return invalid(quoted(name) + " is compared with texts");
    return {};
  }

  static result<void> as_time(std::string_view name, json::value& operand) {
    auto text = operand.if_string();
    auto at = text != nullptr
                ? parse_rfc3339(text_of(*text))
                : result<timestamp>{error{errc::invalid_argument, {}}};
    if (at.has_error())
      return invalid(quoted(name)
                     + " is compared with times like 2027-01-31T12:00:00Z");
    operand = at->milliseconds;
    return {};
  }

  std::size_t tests_ = 0;
  std::size_t searches_ = 0;
};

} // namespace

result<memory_filter> memory_filter::parse(std::string_view text) {
  if (text.size() > limits::filter_bytes_max)
    return too_large(
      "exceeds " + std::to_string(limits::filter_bytes_max / 1024) + " KiB");
  if (!is_utf8(text))
    return invalid("it is not valid UTF-8");
  json::parse_options options;
  // Each level of a filter is two of JSON, and its values may nest as well.
  options.max_depth = 2 * limits::filter_depth_max + limits::metadata_depth_max;
  boost::system::error_code failed;
  auto value = json::parse(text, failed, {}, options);
  if (failed == json::error::too_deep)
    return too_large("nests deeper than "
                     + std::to_string(limits::filter_depth_max));
  if (failed)
    return invalid("it is not JSON; write it like {\"metadata.priority\": "
                   "{\"gte\": 2}}");
  auto root = parser{}.filter(value, 1);
  if (root.has_error())
    return root.error();
  return memory_filter{std::make_shared<filter_node>(std::move(*root)),
                       std::string{text}};
}

} // namespace cloister
