// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace cloister::server {

/// Threads for the few calls that block. Thread-safe.
class background {
public:
  explicit background(std::size_t threads = 1, std::size_t waiting_max = 16);
  background(const background&) = delete;
  background& operator=(const background&) = delete;
  /// Finishes what it has.
  ~background();

  /// False if too much is waiting.
  bool run(std::function<void()> work);

private:
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool ends_ = false;
  const std::size_t waiting_max_;
  std::vector<std::thread> threads_;
};

} // namespace cloister::server
