// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
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

  /// False if too much is waiting. Of one owner no more than three quarters of
  /// the threads work at a time, so that others need not wait for it.
  bool run(std::function<void()> work, std::string owner = {});

private:
  struct piece {
    std::function<void()> work;
    std::string owner;
  };

  void loop();
  /// The first that may begin. With the mutex.
  std::deque<piece>::iterator next();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<piece> waiting_;
  /// How many pieces of each owner are being worked on.
  std::unordered_map<std::string, std::size_t> working_;
  bool ends_ = false;
  const std::size_t waiting_max_;
  const std::size_t of_owner_max_;
  std::vector<std::thread> threads_;
};

} // namespace cloister::server
