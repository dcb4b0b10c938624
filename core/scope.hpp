// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace cloister {

/// The levels of the scope grammar, outermost first.
enum class scope_kind : unsigned char { org, team, person, agent, session };

/// What a segment is: "org_acme" is an org, "customer_7" a person.
std::optional<scope_kind> kind_of_segment(std::string_view segment) noexcept;

/// Names one isolated memory space, e.g. "org_acme/agent_support/session_42".
/// A scope that exists is valid: `parse` is the only way to make one from text.
/// Compared byte by byte.
class scope {
public:
  /// Accepts the grammar of the contract: an organization, then at most one
  /// each of team, person, agent and session, in that order. Fails with
  /// `invalid_argument` and says which part is wrong.
  static result<scope> parse(std::string_view text);

  std::string_view path() const noexcept {
    return path_;
  }

  scope_kind kind() const noexcept;

  /// How many segments; 1 for an organization.
  std::size_t depth() const noexcept;

  std::vector<std::string_view> segments() const;

  /// The innermost segment, e.g. "session_42".
  std::string_view name() const noexcept;

  /// The organization this scope belongs to (itself for an organization).
  scope organization() const;

  /// The enclosing scope; none for an organization.
  std::optional<scope> parent() const;

  /// This scope's ancestors from the nearest to the organization.
  std::vector<scope> ancestors() const;

  /// Whether `other` is this scope or lies below it, by whole segments.
  bool contains(const scope& other) const noexcept;

  /// The scope one segment further in. Fails with `invalid_argument` if the
  /// segment's kind does not come after this scope's.
  result<scope> child(std::string_view segment) const;

  /// What a client under a key rooted here means by `user_id`: keeps the
  /// segments whose kind comes before the first kind in `user_id` and appends
  /// it. An empty text is this scope itself. Fails with `invalid_argument` for
  /// a malformed text and with `forbidden` for a result outside this scope.
  result<scope> resolve(std::string_view user_id) const;

  // NOLINTNEXTLINE(modernize-use-nullptr): it mistakes the 0 of "<=> 0".
  friend auto operator<=>(const scope&, const scope&) = default;

private:
  explicit scope(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

} // namespace cloister
