// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include <boost/json/value.hpp>

/// What a filter is made of; shared by its parser and its evaluation.
namespace cloister {

enum class filter_field {
  id,
  content,
  memory_type,
  key,
  author,
  revision,
  created_at,
  updated_at,
  expires_at,
  metadata,
};

constexpr bool is_time(filter_field which) {
  return which == filter_field::created_at || which == filter_field::updated_at
         || which == filter_field::expires_at;
}

enum class filter_operator {
  eq,
  ne,
  in,
  nin,
  gt,
  gte,
  lt,
  lte,
  exists,
  contains,
};

struct filter_node {
  enum class kind { all, any, none, test };

  kind what = kind::all;
  std::vector<filter_node> children;

  // Of a test.
  filter_field field = filter_field::id;
  /// Below the metadata.
  std::vector<std::string> path;
  filter_operator compare = filter_operator::eq;
  /// Times are milliseconds.
  boost::json::value operand;
};

} // namespace cloister
