// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <memory>

namespace cloister {

/// Milliseconds since 1970-01-01T00:00:00Z.
struct timestamp {
  std::int64_t milliseconds = 0;

  friend auto operator<=>(const timestamp&,
                          const timestamp&)
    = default; // NOLINT(*-use-nullptr)

  friend timestamp operator+(timestamp at, std::chrono::milliseconds span) {
    return {at.milliseconds + span.count()};
  }

  friend std::chrono::milliseconds operator-(timestamp a, timestamp b) {
    return std::chrono::milliseconds{a.milliseconds - b.milliseconds};
  }
};

/// Where time comes from. Injected, so that tests own it. Thread-safe.
class clock {
public:
  virtual ~clock() = default;

  /// The time of day, for what users see and for expiry.
  virtual timestamp now() const = 0;

  /// Never goes back; for budgets and deadlines.
  virtual std::chrono::nanoseconds steady() const = 0;
};

/// The machine's own clock.
std::shared_ptr<const clock> system_clock();

} // namespace cloister
