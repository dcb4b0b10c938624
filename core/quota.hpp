// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace cloister {

/// What an organization or a scope may not exceed. Where one is unset, only the
/// bounds of core/limits.hpp hold.
struct quota {
  std::optional<std::uint64_t> memories_max = {};
  /// Of the memories' records, as `scope show` counts them.
  std::optional<std::uint64_t> bytes_max = {};
  /// Sessions that are open.
  std::optional<std::uint64_t> sessions_max = {};
  /// Of each single session; organizations only.
  std::optional<std::uint64_t> session_bytes_max = {};
  std::optional<std::uint64_t> operations_per_second = {};
  /// Operations that may come at once; a second's worth if unset.
  std::optional<std::uint64_t> operations_burst = {};

  friend bool operator==(const quota&, const quota&) = default;
};

/// What to change of a quota: what is absent stays, what holds nothing is
/// removed.
struct quota_changes {
  using change = std::optional<std::optional<std::uint64_t>>;
  change memories_max = {};
  change bytes_max = {};
  change sessions_max = {};
  change session_bytes_max = {};
  change operations_per_second = {};
  change operations_burst = {};

  friend bool operator==(const quota_changes&, const quota_changes&) = default;
};

/// One limit: its name, and where it is.
struct quota_field {
  std::string_view name;
  std::optional<std::uint64_t> quota::*limit;
  quota_changes::change quota_changes::*change;
  std::uint64_t least = 0;
  std::uint64_t most = 0;
};

constexpr std::uint64_t quota_value_max = 1'000'000'000'000'000;
constexpr std::uint64_t operations_per_second_max = 1'000'000;
constexpr std::uint64_t operations_burst_max = 1'000'000;

/// All limits. The order is part of the settings' format: only append.
inline constexpr std::array<quota_field, 6> quota_fields{{
  {"memories_max", &quota::memories_max, &quota_changes::memories_max, 0,
   quota_value_max},
  {"bytes_max", &quota::bytes_max, &quota_changes::bytes_max, 0,
   quota_value_max},
  {"sessions_max", &quota::sessions_max, &quota_changes::sessions_max, 0,
   quota_value_max},
  {"session_bytes_max", &quota::session_bytes_max,
   &quota_changes::session_bytes_max, 0, quota_value_max},
  {"operations_per_second", &quota::operations_per_second,
   &quota_changes::operations_per_second, 1, operations_per_second_max},
  {"operations_burst", &quota::operations_burst,
   &quota_changes::operations_burst, 1, operations_burst_max},
}};

/// What a quota is after a change. Without a rate there is no burst. Fails with
/// `invalid_argument`.
result<quota> changed(const quota& before, const quota_changes& what);

/// "memories_max 100, operations_per_second 5"; "no limits" for none.
std::string to_string(const quota& limits);

} // namespace cloister
