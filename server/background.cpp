// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/background.hpp"

#include <exception>

namespace cloister::server {

background::background(std::size_t threads, std::size_t waiting_max)
  : waiting_max_(waiting_max) {
  for (std::size_t i = 0; i < threads; ++i)
    threads_.emplace_back([this] { loop(); });
}

background::~background() {
  {
    std::lock_guard guard{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
  for (auto& each : threads_)
    each.join();
}

bool background::run(std::function<void()> work) {
  std::lock_guard guard{mutex_};
  if (ends_ || waiting_.size() >= waiting_max_)
    return false;
  waiting_.push_back(std::move(work));
  changed_.notify_one();
  return true;
}

void background::loop() {
  std::unique_lock guard{mutex_};
  for (;;) {
    changed_.wait(guard, [this] { return ends_ || !waiting_.empty(); });
    if (waiting_.empty())
      return;
    auto work = std::move(waiting_.front());
    waiting_.pop_front();
    guard.unlock();
    try {
      work();
    } catch (const std::exception&) {
      // Whoever waits is answered when what it holds goes.
    }
    // What it holds must not go with the lock held.
    work = nullptr;
    guard.lock();
  }
}

} // namespace cloister::server
