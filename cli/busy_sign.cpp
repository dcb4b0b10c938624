// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/busy_sign.hpp"

#include <chrono>
#include <iostream>

#include <unistd.h>

namespace cloister::cli {

busy_sign::busy_sign(std::string what, bool quiet) : what_(std::move(what)) {
  if (!quiet && ::isatty(STDERR_FILENO) != 0)
    thread_ = std::thread{[this] { run(); }};
}

busy_sign::~busy_sign() {
  if (!thread_.joinable())
    return;
  {
    std::lock_guard guard{mutex_};
    done_ = true;
  }
  ended_.notify_one();
  thread_.join();
}

void busy_sign::run() {
  using namespace std::chrono;
  auto started = steady_clock::now();
  bool shown = false;
  std::unique_lock guard{mutex_};
  while (!ended_.wait_for(guard, seconds{1}, [this] { return done_; })) {
    auto span = duration_cast<seconds>(steady_clock::now() - started).count();
    std::cerr << '\r' << what_ << "… " << span << " s" << std::flush;
    shown = true;
  }
  // Back to the start of the line, and clear it.
  if (shown)
    std::cerr << "\r\x1b[K" << std::flush;
}

} // namespace cloister::cli
