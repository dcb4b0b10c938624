// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/response_head.hpp"

namespace cloister::server {

void append_header(std::string& to, std::string_view name,
                   std::string_view value) {
  if (value.find_first_of("\r\n") == std::string_view::npos)
    to.append(name).append(": ").append(value).append("\r\n");
}

std::string head_of(const http_response& from, std::string_view reason,
                    unsigned version, bool keeps_alive) {
  std::string out;
  constexpr std::size_t usual_bytes = 384;
  out.reserve(usual_bytes);
  out.append(version == http_1_1 ? "HTTP/1.1 " : "HTTP/1.0 ")
    .append(std::to_string(from.status))
    .append(" ")
    .append(reason)
    .append("\r\n");
  for (const auto& [name, value] : from.headers)
    append_header(out, name, value);
  append_header(out, "Content-Type", from.content_type);
  append_header(out, "Cache-Control", "no-store");
  append_header(out, "X-Content-Type-Options", "nosniff");
  if (version == http_1_1 && !keeps_alive)
    append_header(out, "Connection", "close");
  if (version != http_1_1 && keeps_alive)
    append_header(out, "Connection", "keep-alive");
  return out;
}

} // namespace cloister::server
