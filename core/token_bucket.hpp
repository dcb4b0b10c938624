// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/quota.hpp"

namespace cloister {

/// How many operations may be done: so many a second, and so many at once.
struct operation_rate {
  std::uint64_t per_second = 1;
  std::uint64_t burst = 1;

  /// Nothing if a quota has none.
  static std::optional<operation_rate> of(const quota& limits) {
    if (!limits.operations_per_second)
      return std::nullopt;
    return operation_rate{
      *limits.operations_per_second,
      limits.operations_burst.value_or(*limits.operations_per_second)};
  }
};

/// A token bucket, kept as the one time at which it will be full again (the
/// virtual scheduling algorithm of ITU-T I.371): nothing has to refill it. It
/// begins full. Not thread-safe.
class token_bucket {
public:
  using nanoseconds = std::chrono::nanoseconds;

  /// How long until there is a token; zero if there is one now.
  nanoseconds wait(const operation_rate& rate, nanoseconds now) const {
    auto allowed = now + span(rate, rate.burst);
    return std::max(nanoseconds{0},
                    full_again(rate, now) + span(rate, 1) - allowed);
  }

  /// Takes a token that is there.
  void take(const operation_rate& rate, nanoseconds now) {
    full_at_ = full_again(rate, now) + span(rate, 1);
  }

  bool is_full(nanoseconds now) const {
    return full_at_ <= now;
  }

private:
  /// What so many tokens take to come.
  static nanoseconds span(const operation_rate& rate, std::uint64_t tokens) {
    constexpr std::int64_t second = 1'000'000'000;
    return nanoseconds{second / static_cast<std::int64_t>(rate.per_second)}
           * static_cast<std::int64_t>(tokens);
  }

  /// It is never more than empty, also if it was larger or slower before.
  nanoseconds full_again(const operation_rate& rate, nanoseconds now) const {
    return std::clamp(full_at_, now, now + span(rate, rate.burst));
  }

  nanoseconds full_at_ = nanoseconds::min();
};

} // namespace cloister
