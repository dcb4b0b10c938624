// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "runtime/types.hpp"

namespace cloister::server {

/// Counts requests by operation and outcome, and how long they took. No names
/// of tenants. Thread-safe.
class request_metrics {
public:
  void count(std::string_view operation, std::string_view outcome,
             std::chrono::microseconds took);

  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> in_flight{0};
  std::atomic<std::uint64_t> refused_connections{0};

  /// In the text format of Prometheus, version 0.0.4, with what the store
  /// behind it does.
  std::string text(const runtime_statistics& store) const;

  /// Upper bounds of the histograms' buckets, in microseconds.
  static constexpr std::array<std::int64_t, 14> bounds{
    100,    250,    500,     1'000,   2'500,     5'000,     10'000,
    25'000, 50'000, 100'000, 250'000, 1'000'000, 2'500'000, 10'000'000};

private:
  struct histogram {
    std::array<std::uint64_t, bounds.size() + 1> buckets{};
    std::uint64_t microseconds = 0;
    std::uint64_t number = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> outcomes_;
  std::map<std::string, histogram, std::less<>> latencies_;
};

} // namespace cloister::server
