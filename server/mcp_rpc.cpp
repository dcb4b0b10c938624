// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_rpc.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "core/limits.hpp"

namespace cloister::server {

namespace json = boost::json;

json::object rpc_result(const json::value& id, json::value result) {
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}};
}

json::object rpc_error(const json::value& id, int code,
                       std::string_view message, json::value data) {
  json::object why{{"code", code}, {"message", message}};
  if (!data.is_null())
    why["data"] = std::move(data);
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(why)}};
}

int rpc_error_code(const json::object& answer) {
  auto why = answer.if_contains("error");
  if (why == nullptr || !why->is_object())
    return 0;
  auto code = why->get_object().if_contains("code");
  return code != nullptr && code->is_int64()
           ? static_cast<int>(code->get_int64())
           : 0;
}

namespace {

/// Of "not_found: there is no such memory".
errc told_code(const json::object& result) {
  boost::system::error_code none;
  const json::value whole = result;
  auto text = whole.find_pointer("/content/0/text", none);
  if (text == nullptr || !text->is_string())
    return errc::unavailable;
  std::string_view told{text->get_string()};
  told = told.substr(0, told.find(':'));
  for (int i = 0; i <= static_cast<int>(errc::corrupted); ++i)
    if (auto code = static_cast<errc>(i); to_string(code) == told)
      return code;
  return errc::unavailable;
}

} // namespace

errc rpc_outcome(const json::object& answer) {
  switch (rpc_error_code(answer)) {
    case 0:
      break;
    case rpc_internal_error:
      return errc::unavailable;
    case rpc_method_not_found:
    case rpc_resource_not_found:
      return errc::not_found;
    default:
      return errc::invalid_argument;
  }
  auto result = answer.if_contains("result");
  auto object = result != nullptr ? result->if_object() : nullptr;
  auto failed = object != nullptr ? object->if_contains("isError") : nullptr;
  if (failed == nullptr || !failed->is_bool() || !failed->get_bool())
    return errc::ok;
  return told_code(*object);
}

std::size_t results_wanted(const json::value& message) {
  auto member
    = [](const json::value* of, std::string_view name) -> const json::value* {
    auto object = of != nullptr ? of->if_object() : nullptr;
    return object != nullptr ? object->if_contains(name) : nullptr;
  };
  auto method = member(&message, "method");
  if (method != nullptr && *method == "resources/list")
    return limits::page_results_default;
  if (method == nullptr || *method != "tools/call")
    return 0;
  auto params = member(&message, "params");
  auto tool = member(params, "name");
  if (tool != nullptr && *tool == "memory_history")
    return limits::page_results_max;
  if (tool == nullptr
      || (*tool != "list_memories" && *tool != "search_memories"))
    return 0;
  auto limit = member(member(params, "arguments"), "limit");
  boost::system::error_code failed;
  auto number = limit != nullptr && limit->is_number()
                  ? limit->to_number<std::uint64_t>(failed)
                  : limits::page_results_default;
  // What cannot be is refused before anything is read.
  return failed ? 0 : std::min<std::size_t>(number, limits::page_results_max);
}

std::optional<rpc_call> read_rpc_call(const json::value& message,
                                      const mcp_reply& reply) {
  auto refuse
    = [&reply](const json::value& id, int code, std::string_view why) {
        reply(rpc_error(id, code, why));
        return std::nullopt;
      };
  auto object = message.if_object();
  auto version = object != nullptr ? object->if_contains("jsonrpc") : nullptr;
  if (version == nullptr || *version != "2.0")
    return refuse(nullptr, rpc_invalid_request,
                  "this is no message of JSON-RPC 2.0");
  auto id = object->if_contains("id");
  auto method = object->if_contains("method");
  auto pass_over = [&reply] {
    reply(std::nullopt);
    return std::nullopt;
  };
  // Answers to requests that were never sent.
  if (method == nullptr && id != nullptr)
    return pass_over();
  if (method == nullptr || !method->is_string()
      || (id != nullptr && !id->is_string() && !id->is_number()))
    return refuse(nullptr, rpc_invalid_request,
                  "a request has a method, and an id that is a text or a "
                  "number");
  if (id == nullptr)
    return pass_over();
  // A stream keeps it as long as it is open.
  constexpr std::size_t id_bytes_max = 256;
  if (id->is_string() && id->get_string().size() > id_bytes_max)
    return refuse(nullptr, rpc_invalid_request, "an id has at most 256 bytes");
  rpc_call out{*id, std::string{method->get_string()}, {}};
  if (auto params = object->if_contains("params")) {
    if (!params->is_object())
      return refuse(*id, rpc_invalid_params, "params is an object");
    out.params = params->get_object();
  }
  return out;
}

} // namespace cloister::server
