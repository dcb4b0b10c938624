// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "server/http_client.hpp"
#include "wire/answers.hpp"
#include "wire/object_reader.hpp"

namespace cloister::cli {

/// One server, and who asks it. One thread at a time.
struct server_connection {
  server::http_client to;
  std::string api_key;
  std::string user_id;

  server::http_client::headers headers() const {
    server::http_client::headers out{{"Authorization", "Bearer " + api_key}};
    if (!user_id.empty())
      out.emplace_back("X-User-ID", user_id);
    return out;
  }

  result<std::string> text(server::http_method method,
                           const std::string& target,
                           const std::optional<boost::json::object>& body = {},
                           std::optional<std::uint32_t> if_revision = {},
                           const std::optional<std::string>& once = {}) {
    auto sent = headers();
    if (if_revision)
      sent.emplace_back("If-Match", '"' + std::to_string(*if_revision) + '"');
    if (once)
      sent.emplace_back("Idempotency-Key", *once);
    if (body)
      sent.emplace_back("Content-Type", "application/json");
    auto answer = to.ask(method, target, sent,
                         body ? to_json_text(*body) : std::string{});
    if (answer.has_error())
      return answer.error();
    constexpr unsigned first_failure = 300;
    if (answer->status >= first_failure)
      return wire::parse_problem(answer->status, answer->body);
    return std::move(answer->body);
  }

  template <class... Arguments>
  result<boost::json::value> ask(Arguments&&... arguments) {
    auto answer = text(std::forward<Arguments>(arguments)...);
    if (answer.has_error())
      return answer.error();
    return wire::parse_json(*answer);
  }

  /// Asks, and makes a value of the answer.
  template <class Parse, class... Arguments>
  auto get(Parse parse, Arguments&&... arguments)
    -> decltype(parse(std::declval<const boost::json::value&>())) {
    auto answer = ask(std::forward<Arguments>(arguments)...);
    if (answer.has_error())
      return answer.error();
    return parse(*answer);
  }
};

} // namespace cloister::cli
