// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/background.hpp"

#include <algorithm>
#include <exception>

#include "core/organization_share.hpp"

namespace cloister::server {

background::background(std::size_t threads, std::size_t waiting_max)
  : waiting_max_(waiting_max), of_owner_max_(organization_share(threads)) {
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

bool background::run(std::function<void()> work, std::string owner) {
  std::lock_guard guard{mutex_};
  if (ends_ || waiting_.size() >= waiting_max_)
    return false;
  waiting_.push_back({std::move(work), std::move(owner)});
  changed_.notify_one();
  return true;
}

std::deque<background::piece>::iterator background::next() {
  return std::find_if(waiting_.begin(), waiting_.end(),
                      [this](const piece& each) {
                        auto working = working_.find(each.owner);
                        return each.owner.empty() || working == working_.end()
                               || working->second < of_owner_max_;
                      });
}

void background::loop() {
  std::unique_lock guard{mutex_};
  for (;;) {
    auto found = waiting_.end();
    changed_.wait(guard, [&] {
      found = next();
      return found != waiting_.end() || (ends_ && waiting_.empty());
    });
    if (found == waiting_.end())
      return;
    auto one = std::move(*found);
    waiting_.erase(found);
    ++working_[one.owner];
    guard.unlock();
    try {
      one.work();
    } catch (const std::exception&) {
      // Whoever waits is answered when what it holds goes.
    }
    // What it holds must not go with the lock held.
    one.work = nullptr;
    guard.lock();
    if (--working_[one.owner] == 0)
      working_.erase(one.owner);
    // Its owner may have more, which waited for this.
    changed_.notify_all();
  }
}

} // namespace cloister::server
