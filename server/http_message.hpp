// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.hpp"

namespace cloister::server {

class text_stream;

enum class http_method { get, head, post, put, patch, remove, options, other };

/// "GET"; "?" for what is none of them.
std::string_view to_string(http_method method);

/// A request as it was read: within all limits, and not looked into.
struct http_request {
  http_method method = http_method::other;
  /// As it was sent, e.g. "/v1/memories?limit=5".
  std::string target;
  /// Names in lower case.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// Who sent it, e.g. "127.0.0.1".
  std::string peer;

  /// Empty where there is none.
  std::string_view header(std::string_view lower_case_name) const;
  /// How often a header was sent.
  std::size_t count(std::string_view lower_case_name) const;
};

struct http_response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  /// Whose it is; empty for nobody's.
  std::string organization = {};
  /// What follows as long as the client listens, instead of a body.
  std::shared_ptr<text_stream> stream = {};
};

/// A target, split and decoded.
struct http_target {
  /// "/v1/memories/a%2Fb" is {"v1", "memories", "a/b"}.
  std::vector<std::string> segments;
  /// Whether the path ended with a slash.
  bool ends_with_slash = false;
  std::vector<std::pair<std::string, std::string>> query;

  /// Fails with `invalid_argument` for escapes that are none, for NUL, for what
  /// is no path, and for more than 64 parameters.
  static result<http_target> parse(std::string_view text);

  /// The first of a name.
  std::optional<std::string> parameter(std::string_view name) const;
};

/// The key in an Authorization header, behind "Bearer" or "Token", which may be
/// written anyhow.
std::optional<std::string_view> credentials_of(std::string_view authorization);

/// A text as one segment of a path, or one value of a query.
std::string percent_encoded(std::string_view text);

} // namespace cloister::server
