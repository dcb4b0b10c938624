// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <span>
#include <string_view>

#include <boost/json/object.hpp>

#include "runtime/client.hpp"

namespace cloister::server {

/// What a tool answered, or why it could not.
using tool_answer = std::function<void(result<boost::json::object>)>;

/// Something that an agent can do.
struct tool {
  std::string_view name;
  std::string_view title;
  std::string_view description;
  /// A key without all of these does not see it.
  permissions needs = permissions::none;
  /// JSON Schema of its arguments' properties, and which must be there.
  std::string_view arguments;
  std::string_view required = "[]";
  /// The name of its answer's schema.
  std::string_view answer;
  bool is_read_only = false;
  bool is_destructive = false;
  bool is_idempotent = false;
  void (*run)(const client&, const boost::json::object&, tool_answer) = nullptr;
};

std::span<const tool> all_tools();

/// None for a name that there is not, or that the key does not permit.
const tool* find_tool(std::string_view name, permissions allowed);

/// As `tools/list` has it.
boost::json::object description_of(const tool& what);

} // namespace cloister::server
