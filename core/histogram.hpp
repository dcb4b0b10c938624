// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace cloister {

/// How often values lay between some bounds, for measurements. Thread-safe;
/// what is read while values come in may lack the last of them.
template <std::size_t Buckets>
class histogram {
public:
  /// Upper bounds, ascending; what is larger than the last counts beyond.
  using bounds_type = std::array<std::uint64_t, Buckets>;

  explicit constexpr histogram(const bounds_type& bounds) : bounds_(bounds) {}

  void add(std::uint64_t value) {
    auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value);
    auto index = static_cast<std::size_t>(at - bounds_.begin());
    counts_[index].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }

  const bounds_type& bounds() const {
    return bounds_;
  }
  /// Of a bound's bucket; of those beyond for `Buckets`.
  std::uint64_t count(std::size_t bucket) const {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  std::uint64_t sum() const {
    return sum_.load(std::memory_order_relaxed);
  }

private:
  const bounds_type bounds_;
  std::array<std::atomic<std::uint64_t>, Buckets + 1> counts_{};
  std::atomic<std::uint64_t> sum_{0};
};

} // namespace cloister
