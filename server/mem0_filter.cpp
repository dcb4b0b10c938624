// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_filter.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <boost/json.hpp>

#include "core/limits.hpp"
#include "core/rfc3339.hpp"
#include "server/mem0_memory.hpp"

namespace cloister::server::mem0 {

namespace {

namespace json = boost::json;

/// A condition, as far as it is not decided by the scope.
struct verdict {
  std::optional<bool> decided;
  json::object filter;
};

error unknown(std::string_view what) {
  return {errc::invalid_argument, "filters: " + std::string{what}};
}

const entity_kind* kind_named(std::string_view field) {
  for (const auto& kind : entity_kinds)
    if (kind.field == field)
      return &kind;
  return nullptr;
}

json::object test(std::string_view field, std::string_view compare,
                  json::value operand) {
  json::object condition;
  condition[compare] = std::move(operand);
  json::object out;
  out[field] = std::move(condition);
  return out;
}

json::object any_of(json::array conditions) {
  json::object out;
  out["OR"] = std::move(conditions);
  return out;
}

verdict all(std::vector<verdict> parts) {
  json::array left;
  for (auto& each : parts) {
    if (each.decided == false)
      return {false, {}};
    if (!each.decided)
      left.push_back(std::move(each.filter));
  }
  if (left.empty())
    return {true, {}};
  if (left.size() == 1)
    return {{}, left.front().get_object()};
  verdict out;
  out.filter["AND"] = std::move(left);
  return out;
}

verdict any(std::vector<verdict> parts) {
  json::array left;
  for (auto& each : parts) {
    if (each.decided == true)
      return {true, {}};
    if (!each.decided)
      left.push_back(std::move(each.filter));
  }
  if (left.empty())
    return {false, {}};
  return {{}, any_of(std::move(left))};
}

verdict none(std::vector<verdict> parts) {
  auto one = any(std::move(parts));
  if (one.decided)
    return {!*one.decided, {}};
  verdict out;
  out.filter["NOT"] = std::move(one.filter);
  return out;
}

bool is_written_as(const json::value& integer, std::string_view text) {
  char buffer[24];
  auto end = integer.is_int64()
               ? std::to_chars(buffer, std::end(buffer), integer.get_int64())
               : std::to_chars(buffer, std::end(buffer), integer.get_uint64());
  return text == std::string_view{buffer, end.ptr};
}

class reader {
public:
  explicit reader(const entity_ids& of) : of_(of) {}

  result<verdict> object(const json::object& from, std::size_t depth) {
    if (depth > limits::filter_depth_max)
      return unknown("they nest too deep");
    std::vector<verdict> parts;
    for (const auto& [name, value] : from) {
      auto part = member({name.data(), name.size()}, value, depth);
      if (part.has_error())
        return part.error();
      parts.push_back(std::move(*part));
    }
    return all(std::move(parts));
  }

private:
  result<std::vector<verdict>> list(const json::value& from,
                                    std::size_t depth) {
    std::vector<verdict> out;
    json::array one;
    if (from.is_object())
      one.push_back(from);
    auto array = from.is_object() ? &one : from.if_array();
    if (array == nullptr)
      return unknown("AND, OR and NOT take a list of conditions");
    for (const auto& each : *array) {
      if (!each.is_object())
        return unknown("a condition is an object");
      auto part = object(each.get_object(), depth + 1);
      if (part.has_error())
        return part.error();
      out.push_back(std::move(*part));
    }
    return out;
  }

  result<verdict> member(std::string_view name, const json::value& value,
                         std::size_t depth) {
    if (name == "AND" || name == "OR" || name == "NOT") {
      auto parts = list(value, depth);
      if (parts.has_error())
        return parts.error();
      return name == "AND"  ? all(std::move(*parts))
             : name == "OR" ? any(std::move(*parts))
                            : none(std::move(*parts));
    }
    if (auto kind = kind_named(name))
      return entity(*kind, value);
    auto leaf = field(name, value);
    if (leaf.has_error())
      return leaf.error();
    return verdict{{}, std::move(*leaf)};
  }

  // -- who it is about --

  bool is_one(const entity_kind& kind, const json::value& value) const {
    const auto& id = of_.*kind.of;
    if (value.is_null())
      return !id;
    if (value.is_int64() || value.is_uint64())
      return id && is_written_as(value, *id);
    if (!value.is_string())
      return false;
    return id && (value == "*" || value.get_string() == *id);
  }

  result<verdict> entity(const entity_kind& kind, const json::value& value) {
    if (!value.is_object())
      return verdict{is_one(kind, value), {}};
    std::vector<verdict> parts;
    for (const auto& [compare, operand] : value.get_object()) {
      if (compare == "eq")
        parts.push_back({is_one(kind, operand), {}});
      else if (compare == "ne")
        parts.push_back({!is_one(kind, operand), {}});
      else if (compare == "in" && operand.is_array())
        parts.push_back(
          {std::any_of(operand.get_array().begin(), operand.get_array().end(),
                       [&](const auto& each) { return is_one(kind, each); }),
           {}});
      else
        return unknown(std::string{kind.field} + " takes eq, ne and in");
    }
    return all(std::move(parts));
  }

  // -- what it is --

  static result<json::object> field(std::string_view name,
                                    const json::value& value) {
    if (name == "created_at" || name == "updated_at")
      return time(name, value);
    if (name == "timestamp")
      return time("created_at", value);
    if (name == "expiration_date")
      return compared(std::string{expiration_path}, value);
    if (name == "categories")
      return categories(value);
    if (name == "metadata")
      return metadata(value);
    if (name == "keywords" || name == "keywords_search" || name == "text")
      return content(value);
    if (name == "memory_ids")
      return ids(value);
    return unknown(
      "there is no field \"" + std::string{name.substr(0, 64)}
      + "\"; there are user_id, agent_id, app_id, run_id, "
        "created_at, updated_at, timestamp, expiration_date, text, "
        "categories, metadata, keywords and memory_ids");
  }

  static result<json::value> instant(const json::value& from) {
    auto text = instant_text(from);
    if (text.has_error())
      return unknown("a time is a text like \"2026-01-31\"");
    return json::value(*text);
  }

  static result<json::object> time(std::string_view name,
                                   const json::value& value) {
    json::object condition;
    if (!value.is_object()) {
      auto at = instant(value);
      if (at.has_error())
        return at.error();
      condition["eq"] = *at;
    }
    if (value.is_object())
      for (const auto& [compare, operand] : value.get_object()) {
        if (compare == "in" && operand.is_array()) {
          json::array times;
          for (const auto& each : operand.get_array()) {
            auto at = instant(each);
            if (at.has_error())
              return at.error();
            times.push_back(std::move(*at));
          }
          condition["in"] = std::move(times);
          continue;
        }
        auto at = instant(operand);
        if (at.has_error())
          return at.error();
        condition[compare] = std::move(*at);
      }
    if (name != "created_at")
      return named(name, std::move(condition));
    // What a client has set counts instead; both are written alike.
    json::array is_set;
    is_set.push_back(test(timestamp_path, "exists", true));
    is_set.push_back(named(timestamp_path, condition));
    json::object set;
    set["AND"] = std::move(is_set);
    auto is_unset = test(timestamp_path, "exists", false);
    json::array unset;
    unset.push_back(std::move(is_unset));
    unset.push_back(named(name, std::move(condition)));
    json::object otherwise;
    otherwise["AND"] = std::move(unset);
    json::array either;
    either.push_back(std::move(set));
    either.push_back(std::move(otherwise));
    return any_of(std::move(either));
  }

  static json::object named(std::string_view name, json::object condition) {
    json::object out;
    out[name] = std::move(condition);
    return out;
  }

  static result<json::object> compared(const std::string& path,
                                       const json::value& value) {
    json::object out;
    if (value.is_object())
      out[path] = value;
    else
      return test(path, "eq", value);
    return out;
  }

  static result<json::object> categories(const json::value& value) {
    json::array wanted;
    auto add = [&](const json::value& each) {
      wanted.push_back(test(categories_path, "contains", each));
    };
    if (value.is_string())
      add(value);
    if (value.is_array())
      for (const auto& each : value.get_array())
        add(each);
    if (value.is_object())
      for (const auto& [compare, operand] : value.get_object()) {
        if (compare == "contains")
          add(operand);
        else if (compare == "in" && operand.is_array())
          for (const auto& each : operand.get_array())
            add(each);
        else
          return unknown("categories take in and contains");
      }
    if (wanted.empty())
      return unknown("categories take in and contains");
    return any_of(std::move(wanted));
  }

  static result<json::object> metadata(const json::value& value) {
    if (!value.is_object())
      return unknown("metadata is an object");
    json::array parts;
    for (const auto& [name, operand] : value.get_object()) {
      auto path = "metadata." + std::string{name};
      auto part = compared(path, operand);
      if (part.has_error())
        return part.error();
      parts.push_back(std::move(*part));
    }
    if (parts.empty())
      return unknown("metadata names no member");
    json::object out;
    out["AND"] = std::move(parts);
    return out;
  }

  static result<json::object> content(const json::value& value) {
    if (value.is_string())
      return test("content", "contains", value);
    if (value.is_object() && value.get_object().size() == 1
        && value.get_object().contains("contains"))
      return test("content", "contains", value.get_object().at("contains"));
    return unknown("text and keywords take contains");
  }

  static result<json::object> ids(const json::value& value) {
    if (value.is_string())
      return test("id", "eq", value);
    if (value.is_array() && !value.get_array().empty())
      return test("id", "in", value);
    if (value.is_object() && value.get_object().contains("in"))
      return test("id", "in", value.get_object().at("in"));
    return unknown("memory_ids is a list of ids");
  }

  const entity_ids& of_;
};

} // namespace

result<std::optional<json::object>> filter_for(const json::object& filters,
                                               const entity_ids& of) {
  auto found = reader{of}.object(filters, 1);
  if (found.has_error())
    return found.error();
  if (found->decided == false)
    return std::optional<json::object>{};
  return std::optional{std::move(found->filter)};
}

result<std::string> instant_text(const json::value& from) {
  constexpr double latest = 2.5e11;
  if (from.is_number()) {
    auto seconds = from.to_number<double>();
    if (!(seconds >= 0 && seconds <= latest))
      return unknown("a time is out of range");
    return to_rfc3339(timestamp{static_cast<std::int64_t>(seconds * 1000)});
  }
  if (!from.is_string())
    return unknown("a time is a number or a text");
  std::string text{from.get_string()};
  auto at = parse_rfc3339(text);
  // Python's isoformat has no zone.
  if (at.has_error())
    at = parse_rfc3339(text + 'Z');
  if (at.has_error())
    return at.error();
  return to_rfc3339(*at);
}

bool names_entity(const json::object& filters) {
  for (const auto& [name, value] : filters) {
    if (kind_named({name.data(), name.size()}) != nullptr)
      return true;
    auto is_here = [](const json::value& each) {
      return each.is_object() && names_entity(each.get_object());
    };
    if (is_here(value))
      return true;
    if (value.is_array()
        && std::any_of(value.get_array().begin(), value.get_array().end(),
                       is_here))
      return true;
  }
  return false;
}

} // namespace cloister::server::mem0
