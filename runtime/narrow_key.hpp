// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/types.hpp"

namespace cloister {

/// What a narrowed key is left with. What is absent stays as it was; nothing
/// here gives a key what the one before it did not have.
struct narrowing {
  /// Resolved like a user_id below the key's root.
  std::optional<std::string> scope = {};
  std::optional<cloister::permissions> permissions = {};
  std::optional<timestamp> expires_at = {};
  /// How far up it may read: "all" that the key before could, "none", or the
  /// outermost scope.
  std::optional<std::string> ancestors = {};
  /// The one scope outside `scope` that sharing may write to.
  std::optional<std::string> promote_to = {};
};

/// Makes a key that can do less out of one that can do more, without a store at
/// hand: an orchestrator can give each of its agents a key for one session and
/// ten minutes. It can only be narrowed further, at most
/// `limits::restrictions_max` times, and ends with the key it came from.
///
/// What the key before reaches is known to its store only: a narrowing that
/// goes beyond it makes a key that is refused there as `unauthenticated`.
/// Fails with `unauthenticated` if `api_key` is not a key, `invalid_argument`,
/// or `too_large` if it was narrowed too often. Thread-safe.
result<std::string> narrow_key(std::string_view api_key, const narrowing& to);

} // namespace cloister
