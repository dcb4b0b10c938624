// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/http_message.hpp"

#include <algorithm>
#include <cctype>

namespace cloister::server {

namespace {

/// -1 for what is no hexadecimal digit.
int digit_of(char letter) {
  if (letter >= '0' && letter <= '9')
    return letter - '0';
  if (letter >= 'a' && letter <= 'f')
    return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F')
    return letter - 'A' + 10;
  return -1;
}

enum class plus_sign { itself, space };

result<std::string> decoded(std::string_view text, plus_sign plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto letter = text[i];
    if (letter == '+' && plus == plus_sign::space) {
      letter = ' ';
    } else if (letter == '%') {
      auto high = i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
      auto low = i + 2 < text.size() ? digit_of(text[i + 2]) : -1;
      if (i + 2 == text.size() || high < 0 || low < 0)
        return error{errc::invalid_argument,
                     "the address has a % that no two hexadecimal digits "
                     "follow"};
      letter = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (letter == '\0')
      return error{errc::invalid_argument, "the address has a NUL"};
    out.push_back(letter);
  }
  return out;
}

result<void> add_parameter(std::string_view pair, http_target& out) {
  if (pair.empty())
    return {};
  auto equals = pair.find('=');
  auto name = decoded(pair.substr(0, equals), plus_sign::space);
  auto value
    = decoded(equals == std::string_view::npos ? "" : pair.substr(equals + 1),
              plus_sign::space);
  if (name.has_error() || value.has_error())
    return name.has_error() ? name.error() : value.error();
  out.query.emplace_back(std::move(*name), std::move(*value));
  return {};
}

/// They are compared with each other before it is known who asks.
constexpr std::size_t parameters_max = 64;

/// Calls `visit` for each part between two separators.
template <class Visit>
result<void> for_each_part(std::string_view text, char separator, Visit visit) {
  for (std::size_t at = 0;;) {
    auto end = text.find(separator, at);
    if (auto done = visit(text.substr(at, end - at)); done.has_error())
      return done;
    if (end == std::string_view::npos)
      return {};
    at = end + 1;
  }
}

} // namespace

std::string_view to_string(http_method method) {
  switch (method) {
    case http_method::get:
      return "GET";
    case http_method::head:
      return "HEAD";
    case http_method::post:
      return "POST";
    case http_method::put:
      return "PUT";
    case http_method::patch:
      return "PATCH";
    case http_method::remove:
      return "DELETE";
    case http_method::options:
      return "OPTIONS";
    case http_method::other:
      break;
  }
  return "?";
}

std::string_view http_request::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers)
    if (name == lower_case_name)
      return value;
  return {};
}

std::size_t http_request::count(std::string_view lower_case_name) const {
  return static_cast<std::size_t>(
    std::count_if(headers.begin(), headers.end(), [&](const auto& each) {
      return each.first == lower_case_name;
    }));
}

result<http_target> http_target::parse(std::string_view text) {
  if (text.empty() || text.front() != '/')
    return error{errc::invalid_argument, "the address is no path"};
  http_target out;
  auto question = text.find('?');
  auto path = text.substr(1, question - 1);
  auto done = for_each_part(path, '/', [&](auto part) -> result<void> {
    auto segment = decoded(part, plus_sign::itself);
    if (segment.has_error())
      return segment.error();
    out.segments.push_back(std::move(*segment));
    return {};
  });
  if (done.has_error())
    return done.error();
  if (out.segments.back().empty()) {
    out.segments.pop_back();
    out.ends_with_slash = true;
  }
  if (question == std::string_view::npos)
    return out;
  done = for_each_part(text.substr(question + 1), '&',
                       [&](auto part) -> result<void> {
                         if (out.query.size() == parameters_max)
                           return error{errc::invalid_argument,
                                        "the address has too many parameters"};
                         return add_parameter(part, out);
                       });
  if (done.has_error())
    return done.error();
  return out;
}

std::optional<std::string> http_target::parameter(std::string_view name) const {
  for (const auto& [known, value] : query)
    if (known == name)
      return value;
  return std::nullopt;
}

std::optional<std::string_view> credentials_of(std::string_view header) {
  auto space = header.find(' ');
  if (space == std::string_view::npos)
    return std::nullopt;
  std::string scheme{header.substr(0, space)};
  for (auto& letter : scheme)
    letter
      = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  if (scheme != "bearer" && scheme != "token")
    return std::nullopt;
  auto rest = header.substr(space);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain
    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string out;
  for (auto letter : text) {
    if (plain.find(letter) != std::string_view::npos) {
      out.push_back(letter);
      continue;
    }
    auto octet = static_cast<unsigned char>(letter);
    out.push_back('%');
    out.push_back(digits[octet >> 4]);
    out.push_back(digits[octet & 0xf]);
  }
  return out;
}

} // namespace cloister::server
