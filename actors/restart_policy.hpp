// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <string>
#include <unordered_map>

#include "core/error.hpp"

namespace cloister::actors {

/// When a scope that crashed may be activated again: after a pause that doubles
/// with each crash, and after too many crashes in a row not for long. Plain;
/// one thread at a time. Times are of a steady clock.
class restart_policy {
public:
  using time = std::chrono::nanoseconds;

  static constexpr std::chrono::milliseconds first_pause{50};
  static constexpr std::chrono::seconds longest_pause{10};
  /// This many crashes without a calm period between quarantine a scope.
  static constexpr unsigned crashes_max = 5;
  /// A scope that ran this long without a crash starts over.
  static constexpr std::chrono::minutes calm_period{5};
  /// How long a quarantine lasts before one more try.
  static constexpr std::chrono::minutes quarantine_period{5};

  void crashed(const std::string& scope, time now);

  /// Nothing, or why the scope may not be activated now: `unavailable` with a
  /// retry hint during a pause, or `quarantined`.
  result<void> may_start(const std::string& scope, time now);

  /// Whether the scope crashed lately.
  bool has_crashed(const std::string& scope) const;

  /// Forgets a scope's crashes.
  void pardon(const std::string& scope);

private:
  static constexpr std::size_t records_kept_max = 10'000;

  struct record {
    unsigned crashes = 0;
    time last{0};
  };

  static bool is_over(const record& known, time now);
  std::unordered_map<std::string, record> records_;
};

} // namespace cloister::actors
