// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/background.hpp"

namespace cloister::server {

namespace {

constexpr std::size_t waiting_max = 16;

} // namespace

background::background() : thread_([this] { loop(); }) {}

background::~background() {
  {
    std::lock_guard guard{mutex_};
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool background::run(std::function<void()> work) {
  std::lock_guard guard{mutex_};
  if (ends_ || waiting_.size() >= waiting_max)
    return false;
  waiting_.push_back(std::move(work));
  changed_.notify_all();
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
    work();
    // What it holds must not go with the lock held.
    work = nullptr;
    guard.lock();
  }
}

} // namespace cloister::server
