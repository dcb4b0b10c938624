// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/scope.hpp"

#include <array>

#include "core/limits.hpp"

namespace cloister {

namespace {

struct kind_prefix {
  std::string_view text;
  scope_kind kind;
};

constexpr std::array<kind_prefix, 7> prefixes{{
  {"org_", scope_kind::org},
  {"team_", scope_kind::team},
  {"user_", scope_kind::person},
  {"customer_", scope_kind::person},
  {"agent_", scope_kind::agent},
  {"app_", scope_kind::agent},
  {"session_", scope_kind::session},
}};

constexpr std::string_view name_alphabet
  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    "._~@:+-|=%";

error invalid(std::string detail) {
  return {errc::invalid_argument, std::move(detail)};
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (;;) {
    auto slash = text.find('/');
    parts.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos)
      return parts;
    text.remove_prefix(slash + 1);
  }
}

/// Checks one segment and answers its kind. A refused segment is not repeated
/// in the message, since it may be anything.
result<scope_kind> check_segment(std::string_view segment) {
  for (const auto& prefix : prefixes) {
    if (!segment.starts_with(prefix.text))
      continue;
    auto name = segment.substr(prefix.text.size());
    if (name.empty() || name.size() > limits::scope_name_bytes_max)
      return invalid("the name after \"" + std::string{prefix.text}
                     + "\" must have 1 to 128 characters");
    if (name == "." || name == "..")
      return invalid("a scope's name must not be \".\" or \"..\"");
    if (name.find_first_not_of(name_alphabet) != std::string_view::npos)
      return invalid("a scope's name may contain A-Z a-z 0-9 . _ ~ @ : + - | "
                     "= % only");
    return prefix.kind;
  }
  return invalid("a scope's segment starts with org_, team_, user_, customer_, "
                 "agent_, app_ or session_, e.g. user_123");
}

/// Checks each segment and their order; answers the first one's kind.
result<scope_kind> check_path(std::string_view text) {
  if (text.empty())
    return invalid("the scope is empty; write it like org_acme/user_sarah");
  if (text.size() > limits::scope_path_bytes_max)
    return invalid("the scope is too long");
  std::optional<scope_kind> first;
  std::optional<scope_kind> last;
  for (auto segment : split(text)) {
    auto kind = check_segment(segment);
    if (kind.has_error())
      return kind.error();
    if (last && *kind <= *last)
      return invalid("a scope's segments stand in the order org, team, user, "
                     "agent, session, each at most once");
    if (!first)
      first = *kind;
    last = *kind;
  }
  return *first;
}

} // namespace

std::optional<scope_kind> kind_of_segment(std::string_view segment) noexcept {
  for (const auto& prefix : prefixes)
    if (segment.starts_with(prefix.text))
      return prefix.kind;
  return std::nullopt;
}

result<scope> scope::parse(std::string_view text) {
  auto first = check_path(text);
  if (first.has_error())
    return first.error();
  if (*first != scope_kind::org)
    return invalid("a full scope starts with its organization, e.g. "
                   "org_acme/user_sarah");
  return scope{std::string{text}};
}

scope_kind scope::kind() const noexcept {
  return *kind_of_segment(name());
}

std::size_t scope::depth() const noexcept {
  std::size_t count = 1;
  for (auto c : path_)
    count += c == '/' ? 1 : 0;
  return count;
}

std::vector<std::string_view> scope::segments() const {
  return split(path_);
}

std::string_view scope::name() const noexcept {
  auto slash = path_.rfind('/');
  auto start = slash == std::string::npos ? 0 : slash + 1;
  return std::string_view{path_}.substr(start);
}

scope scope::organization() const {
  return scope{path_.substr(0, path_.find('/'))};
}

std::optional<scope> scope::parent() const {
  auto slash = path_.rfind('/');
  if (slash == std::string::npos)
    return std::nullopt;
  return scope{path_.substr(0, slash)};
}

std::vector<scope> scope::ancestors() const {
  std::vector<scope> out;
  for (auto up = parent(); up; up = up->parent())
    out.push_back(*up);
  return out;
}

bool scope::contains(const scope& other) const noexcept {
  return other.path_.starts_with(path_)
         && (other.path_.size() == path_.size()
             || other.path_[path_.size()] == '/');
}

result<scope> scope::child(std::string_view segment) const {
  if (segment.find('/') != std::string_view::npos)
    return invalid("one segment was expected");
  return parse(path_ + '/' + std::string{segment});
}

result<scope> scope::resolve(std::string_view user_id) const {
  if (user_id.empty())
    return *this;
  auto first = check_path(user_id);
  if (first.has_error())
    return first.error();
  std::string path;
  for (auto segment : segments()) {
    if (*kind_of_segment(segment) >= *first)
      break;
    path.append(segment).push_back('/');
  }
  path.append(user_id);
  auto resolved = parse(path);
  if (resolved.has_error())
    return resolved.error();
  if (!contains(*resolved))
    return error{errc::forbidden, "the key does not reach that scope; use one "
                                  "whose root contains it"};
  return resolved;
}

} // namespace cloister
