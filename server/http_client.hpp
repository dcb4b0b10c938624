// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "server/http_message.hpp"

namespace cloister::server {

struct http_client_options {
  /// For one answer.
  std::chrono::seconds patience{120};
  /// Of an answer: the longest that a server of ours gives, and then some.
  std::uint64_t body_bytes_max = 256 * 1024 * 1024;
  /// Connects to nothing on this machine or in a private network, whatever name
  /// leads there.
  bool only_public = false;
};

/// One connection to a server, which is kept, and made anew where that was
/// closed. One thread at a time.
class http_client {
public:
  using headers = std::vector<std::pair<std::string, std::string>>;

  /// "http://HOST:PORT" or "https://HOST", where certificates are verified.
  /// Fails with `invalid_argument` for anything else.
  static result<http_client> to(std::string_view url,
                                http_client_options how = {});
  http_client(http_client&&) noexcept;
  http_client& operator=(http_client&&) noexcept;
  ~http_client();

  /// Waits for the answer, whatever its status is. Fails with `unavailable`
  /// where none came; what was asked for may have been done.
  result<http_response> ask(http_method method, const std::string& target,
                            const headers& sent, std::string body = {});

  /// Why it would not connect to the address that the name has now, if so. A
  /// name without an address is no reason.
  std::optional<error> refused_address();

private:
  class impl;
  explicit http_client(std::unique_ptr<impl> parts);
  std::unique_ptr<impl> impl_;
};

} // namespace cloister::server
