// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace cloister::actors {

/// A thread that an actor system is made, asked and ended on. CAF 0.17 keeps a
/// reference to a system's logger in every thread that made it, spawned an
/// actor or had a scoped actor, and its destructor waits for all of them: a
/// runtime that was opened by one thread could not be closed by another.
class home_thread {
public:
  home_thread() : thread_([this] { live(); }) {}
  home_thread(const home_thread&) = delete;
  home_thread& operator=(const home_thread&) = delete;
  ~home_thread() {
    {
      std::lock_guard guard{mutex_};
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /// Runs something there and waits for it. One caller at a time.
  void run(std::function<void()> work) {
    std::unique_lock guard{mutex_};
    work_ = std::move(work);
    changed_.notify_all();
    changed_.wait(guard, [this] { return !work_; });
    if (auto failure = std::exchange(failure_, nullptr))
      std::rethrow_exception(failure);
  }

private:
  void live() {
    std::unique_lock guard{mutex_};
    for (;;) {
      changed_.wait(guard, [this] { return work_ || ending_; });
      if (!work_)
        return;
      guard.unlock();
      std::exception_ptr failure;
      try {
        work_();
      } catch (...) {
        failure = std::current_exception();
      }
      guard.lock();
      failure_ = failure;
      work_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;
  std::exception_ptr failure_;
  bool ending_ = false;
  std::thread thread_;
};

} // namespace cloister::actors
