// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace cloister {

/// Calls whose handlers have not returned, and runtimes that end in the
/// background. A process that returns from `main` meanwhile waits for them:
/// what they use would be destroyed under them.
class unfinished {
public:
  /// Counts as long as it or a copy of it lives.
  using token = std::shared_ptr<const void>;

  static token begin();

  /// How many have come to their end since the process began.
  static std::size_t ended();

  /// Waits until `ended()` is more than `seen`. False if there is none to wait
  /// for, or the time is over.
  static bool wait_past(std::size_t seen,
                        std::chrono::steady_clock::time_point until);

private:
  /// Never destroyed; waits when the process ends.
  static unfinished& of_process();
  void end();
  void wait();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
  std::size_t ended_ = 0;
};

} // namespace cloister
