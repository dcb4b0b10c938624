// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "server/exchange.hpp"

namespace cloister::server {

/// What a route wants to be shown.
enum class access { anyone, api_key, operator_key };

/// A parameter of the address, as the API's description has it.
struct parameter {
  std::string_view name;
  /// A type of JSON Schema.
  std::string_view type;
  std::string_view description;
  bool is_required = false;
};

/// One method of one address. The table of these routes requests, and the
/// description of the API is made of it: they cannot part.
struct route {
  http_method method = http_method::get;
  /// E.g. "/v1/memories/{id}".
  std::string_view pattern;
  /// For the log, for metrics and for the description; a name of its own.
  std::string_view operation;
  std::string_view tag;
  std::string_view summary;
  access needs = access::api_key;
  void (*run)(const exchange_ptr&) = nullptr;
  std::vector<parameter> query = {};
  /// Names of schemas; empty for none.
  std::string_view request = {};
  std::string_view response = {};
  unsigned status = 200;
  /// Of the answer, where that is no JSON.
  std::string_view content_type = "application/json";
  /// Whether it takes `user_id`, in the query and as a header.
  bool has_user_id = true;
  /// Whether the description of the API has it.
  bool is_described = true;
};

// -- the routes, by what they are about --
std::span<const route> memory_routes();
std::span<const route> session_routes();
std::span<const route> scope_routes();
std::span<const route> key_routes();
std::span<const route> audit_routes();
std::span<const route> operator_routes();
std::span<const route> event_routes();
std::span<const route> transfer_routes();
std::span<const route> store_routes();
std::span<const route> mcp_routes();
/// The tag of those below.
constexpr std::string_view mem0_tag = "mem0";
std::span<const route> mem0_memory_routes();
std::span<const route> mem0_entity_routes();
std::span<const route> mem0_project_routes();
std::span<const route> system_routes();

/// All of them.
const std::vector<const route*>& all_routes();

/// What `read_audit_options` reads.
const std::vector<parameter>& audit_list_parameters();

/// Finds the route of a request and runs it, or answers why there is none.
/// What is `busy` is answered instead, but for whoever asks how the server is.
/// A long body is looked into once its key is known to be good.
void run_route(const exchange_ptr& call, std::optional<error> busy = {});

} // namespace cloister::server
