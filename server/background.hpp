// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace cloister::server {

/// A thread for the few calls that block, one after the other. Thread-safe.
class background {
public:
  background();
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
  std::thread thread_;
};

} // namespace cloister::server
