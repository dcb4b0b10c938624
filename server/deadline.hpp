// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <chrono>

namespace cloister::server {

/// When a connection has to be done with what it does, if ever. It is looked at
/// now and then: a timer for each read and each write would cost more than
/// these. Thread-safe.
class deadline {
public:
  using clock = std::chrono::steady_clock;

  void after(std::chrono::milliseconds time) {
    at_.store((clock::now() + time).time_since_epoch().count(),
              std::memory_order_relaxed);
  }
  void never() {
    at_.store(none, std::memory_order_relaxed);
  }
  bool has_passed(clock::time_point now) const {
    return at_.load(std::memory_order_relaxed) < now.time_since_epoch().count();
  }

private:
  static constexpr clock::rep none = clock::duration::max().count();
  std::atomic<clock::rep> at_{none};
};

} // namespace cloister::server
