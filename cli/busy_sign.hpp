// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace cloister::cli {

/// Shows on a terminal that work of over a second goes on, and for how long it
/// has; wiped away when it ends. Shows nothing elsewhere, or if `quiet`.
class busy_sign {
public:
  busy_sign(std::string what, bool quiet);
  ~busy_sign();
  busy_sign(const busy_sign&) = delete;
  busy_sign& operator=(const busy_sign&) = delete;

private:
  void run();

  std::string what_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  std::thread thread_;
};

} // namespace cloister::cli
