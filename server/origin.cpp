// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/origin.hpp"

#include <algorithm>

namespace cloister::server {

namespace {

/// "localhost" of "localhost:7077", "[::1]" of "[::1]:7077".
std::string_view name_of(std::string_view host) {
  auto colon = host.rfind(':');
  auto bracket = host.rfind(']');
  if (colon == std::string_view::npos
      || (bracket != std::string_view::npos && colon < bracket))
    return host;
  return host.substr(0, colon);
}

bool is_local(std::string_view host) {
  auto name = name_of(host);
  return name == "localhost" || name == "127.0.0.1" || name == "[::1]";
}

/// "app.example:81" of "https://app.example:81".
std::string_view host_of(std::string_view origin) {
  auto at = origin.find("://");
  return at == std::string_view::npos ? std::string_view{}
                                      : origin.substr(at + 3);
}

} // namespace

std::optional<error> refused_origin(const exchange& call) {
  auto host = call.request().header("host");
  if (call.of().is_loopback && !is_local(host))
    return error{errc::forbidden,
                 "this server is asked by a name that is not its own; use "
                 "127.0.0.1 or localhost"};
  if (call.request().count("origin") == 0)
    return std::nullopt;
  auto origin = call.request().header("origin");
  const auto& allowed = call.of().allowed_origins;
  auto of_origin = host_of(origin);
  if (std::find(allowed.begin(), allowed.end(), origin) != allowed.end()
      || (!of_origin.empty() && of_origin == host)
      || (call.of().is_loopback && is_local(of_origin)))
    return std::nullopt;
  return error{errc::forbidden,
               "web pages from there may not use this server; --allow-origin "
               "lets them"};
}

} // namespace cloister::server
