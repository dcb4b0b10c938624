// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/filter.hpp"

#include <algorithm>
#include <charconv>
#include <compare>
#include <optional>

#include <boost/json.hpp>

#include "core/filter_tree.hpp"

namespace cloister {

namespace {

namespace json = boost::json;

/// Numbers by value, texts by bytes; unordered for everything else.
std::partial_ordering compare(const json::value& a, const json::value& b) {
  if (a.is_string() && b.is_string())
    return std::string_view{a.get_string()}.compare(b.get_string()) <=> 0;
  if (!a.is_number() || !b.is_number())
    return std::partial_ordering::unordered;
  // A long double holds every 64-bit integer.
  auto number = [](const json::value& of) {
    return of.is_int64()    ? static_cast<long double>(of.get_int64())
           : of.is_uint64() ? static_cast<long double>(of.get_uint64())
                            : static_cast<long double>(of.get_double());
  };
  return number(a) <=> number(b);
}

bool equal(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number())
    return compare(a, b) == 0;
  return a == b;
}

/// In a time that grows with the text alone, whatever is looked for (D. Knuth,
/// J. Morris and V. Pratt, "Fast pattern matching in strings", 1977): both come
/// from people who may want it to take long.
bool contains_text(std::string_view text, std::string_view part) {
  if (part.empty())
    return true;
  std::vector<std::size_t> shorter(part.size(), 0);
  for (std::size_t i = 1, matched = 0; i < part.size(); ++i) {
    while (matched > 0 && part[i] != part[matched])
      matched = shorter[matched - 1];
    matched += part[i] == part[matched] ? 1u : 0u;
    shorter[i] = matched;
  }
  std::size_t matched = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (matched == 0 && text[at] != part[0]) {
      at = text.find(part[0], at);
      if (at == std::string_view::npos)
        return false;
    }
    while (matched > 0 && text[at] != part[matched])
      matched = shorter[matched - 1];
    matched += text[at] == part[matched] ? 1u : 0u;
    if (matched == part.size())
      return true;
  }
  return false;
}

bool contains(const json::value& whole, const json::value& part) {
  if (whole.is_string() && part.is_string())
    return contains_text(whole.get_string(), part.get_string());
  if (whole.is_object() && part.is_string())
    return whole.get_object().contains(part.get_string());
  if (!whole.is_array())
    return false;
  const auto& elements = whole.get_array();
  return std::any_of(elements.begin(), elements.end(),
                     [&](const auto& each) { return equal(each, part); });
}

bool is_among(const json::value& value, const json::value& list) {
  const auto& elements = list.get_array();
  return std::any_of(elements.begin(), elements.end(),
                     [&](const auto& each) { return equal(value, each); });
}

const json::value* member_at(const json::value& of, const std::string& name) {
  if (auto object = of.if_object())
    return object->if_contains(name);
  auto elements = of.if_array();
  if (elements == nullptr)
    return nullptr;
  std::size_t index = 0;
  auto end = name.data() + name.size();
  auto parsed = std::from_chars(name.data(), end, index);
  if (parsed.ec != std::errc{} || parsed.ptr != end
      || index >= elements->size())
    return nullptr;
  return &(*elements)[index];
}

/// One memory while a filter looks at it; its metadata is parsed when needed.
class subject {
public:
  explicit subject(const memory& value) : value_(value) {}

  bool holds(const filter_node& node) {
    switch (node.what) {
      case filter_node::kind::all:
        return std::all_of(node.children.begin(), node.children.end(),
                           [this](const auto& each) { return holds(each); });
      case filter_node::kind::any:
        return std::any_of(node.children.begin(), node.children.end(),
                           [this](const auto& each) { return holds(each); });
      case filter_node::kind::none:
        return std::none_of(node.children.begin(), node.children.end(),
                            [this](const auto& each) { return holds(each); });
      case filter_node::kind::test:
        return test(node);
    }
    return false;
  }

private:
  bool test(const filter_node& node) {
    // The one long field is not copied for it.
    if (node.field == filter_field::content
        && node.compare == filter_operator::contains
        && node.operand.is_string())
      return contains_text(value_.content, node.operand.get_string());
    json::value own;
    const auto* found = node.field == filter_field::metadata
                          ? metadata_at(node.path)
                          : field(node.field, own);
    // Never destroyed, like all that calls in flight may use at the end.
    static const auto& missing = *new json::value;
    const auto& value = found != nullptr ? *found : missing;
    switch (node.compare) {
      case filter_operator::eq:
        return equal(value, node.operand);
      case filter_operator::ne:
        return !equal(value, node.operand);
      case filter_operator::in:
        return is_among(value, node.operand);
      case filter_operator::nin:
        return !is_among(value, node.operand);
      case filter_operator::gt:
        return compare(value, node.operand) > 0;
      case filter_operator::gte:
        return compare(value, node.operand) >= 0;
      case filter_operator::lt:
        return compare(value, node.operand) < 0;
      case filter_operator::lte:
        return compare(value, node.operand) <= 0;
      case filter_operator::exists:
        return (found != nullptr && !value.is_null()) == node.operand.as_bool();
      case filter_operator::contains:
        return contains(value, node.operand);
    }
    return false;
  }

  /// Puts a field into `out`; null where the memory does not have it.
  const json::value* field(filter_field which, json::value& out) const {
    switch (which) {
      case filter_field::id:
        out = value_.id.to_string();
        break;
      case filter_field::content:
        out = value_.content;
        break;
      case filter_field::memory_type:
        out = value_.type;
        break;
      case filter_field::key:
        if (value_.key)
          out = *value_.key;
        break;
      case filter_field::author:
        out = value_.author;
        break;
      case filter_field::revision:
        out = value_.revision;
        break;
      case filter_field::created_at:
        out = value_.created_at.milliseconds;
        break;
      case filter_field::updated_at:
        out = value_.updated_at.milliseconds;
        break;
      case filter_field::expires_at:
        if (value_.expires_at)
          out = value_.expires_at->milliseconds;
        break;
      case filter_field::metadata:
        break;
    }
    return &out;
  }

  const json::value* metadata_at(const std::vector<std::string>& path) {
    if (!metadata_) {
      boost::system::error_code failed;
      metadata_.emplace(json::parse(value_.metadata, failed));
    }
    const json::value* at = &*metadata_;
    for (const auto& name : path) {
      at = member_at(*at, name);
      if (at == nullptr)
        return nullptr;
    }
    return at;
  }

  const memory& value_;
  std::optional<json::value> metadata_;
};

} // namespace

bool memory_filter::matches(const memory& value) const {
  return subject{value}.holds(*root_);
}

} // namespace cloister
