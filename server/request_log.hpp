// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace spdlog {
class logger;
}

namespace cloister::server {

/// What a line of the log says of a request. Never content, nor secrets.
struct request_line {
  std::string_view request_id;
  std::string_view method;
  /// The route's pattern: an address has ids in it.
  std::string_view route;
  std::string_view operation;
  std::string_view key_id;
  /// The scope's tag, or its name where names are logged.
  std::string_view scope;
  unsigned status = 0;
  /// "ok" or an error's code.
  std::string_view outcome;
  std::chrono::microseconds took{0};
  std::string_view peer;
};

struct log_options {
  /// "info" has a line for each request, "warn" those that failed on our side,
  /// "off" none.
  std::string level = "info";
  /// Standard error if empty.
  std::string file = {};
  /// Scopes by name, and not by tag.
  bool names = false;
};

/// Lines of JSON. Thread-safe.
class request_log {
public:
  /// Fails by throwing `std::runtime_error` where the file cannot be written.
  explicit request_log(const log_options& options);

  /// Whether a request with this status has a line.
  bool wants(unsigned status) const;
  bool has_names() const {
    return names_;
  }
  void request(const request_line& line);
  /// What happens to the server itself, e.g. "listening".
  void event(std::string_view name, std::string_view detail);

private:
  std::shared_ptr<spdlog::logger> out_;
  bool names_ = false;
};

} // namespace cloister::server
