// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>

#include "core/histogram.hpp"

namespace cloister::engine {

/// What a node has done since it was started, for measurements. Thread-safe.
struct node_counters {
  std::atomic<std::uint64_t> memories_expired{0};
  std::atomic<std::uint64_t> data_keys_replaced{0};
  std::atomic<std::uint64_t> scopes_erased{0};
  std::atomic<std::uint64_t> sessions_ended{0};
  /// Changes that wait for the one writer.
  std::atomic<std::int64_t> commits_waiting{0};
  /// Changes that one synced write has made durable together.
  histogram<10> commit_changes{{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}};
  /// Microseconds of such a write, its fsync included.
  histogram<12> commit_microseconds{{100, 250, 500, 1'000, 2'500, 5'000, 10'000,
                                     25'000, 50'000, 100'000, 250'000,
                                     1'000'000}};
};

} // namespace cloister::engine
