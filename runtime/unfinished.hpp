// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

namespace cloister {

/// Calls whose handlers have not returned, and runtimes that end. A process
/// that returns from `main` meanwhile waits for them: what they use would be
/// destroyed under them.
class unfinished {
public:
  /// Counts as long as it or a copy of it lives.
  using token = std::shared_ptr<const void>;

  /// A call, which may be the last that holds its runtime.
  static token begin_call();
  /// The end of a runtime.
  static token begin_end();

  /// How many runtimes have ended since the process began.
  static std::size_t ended();

  /// Waits until `ended()` is more than `seen`. False if there is nothing that
  /// could make it so, or the time is over.
  static bool wait_past(std::size_t seen,
                        std::chrono::steady_clock::time_point until);

private:
  /// Never destroyed; waits when the process ends.
  static unfinished& of_process();
  static token begin(std::size_t unfinished::*count);
  void end(std::size_t unfinished::*count);
  void wait();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t calls_ = 0;
  std::size_t ends_ = 0;
  std::size_t ended_ = 0;
};

} // namespace cloister
