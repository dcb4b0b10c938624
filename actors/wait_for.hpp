// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/task.hpp"

namespace cloister::actors {

/// What a plain thread waits with.
template <class T>
class waiting_thread {
public:
  void give(std::optional<T> value, std::exception_ptr failure) {
    {
      std::lock_guard guard{mutex_};
      value_ = std::move(value);
      failure_ = std::move(failure);
      given_ = true;
    }
    // With the lock held it would wake up to wait for the lock.
    changed_.notify_one();
  }

  T take() {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return given_; });
    if (failure_)
      std::rethrow_exception(failure_);
    return std::move(*value_);
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<T> value_;
  std::exception_ptr failure_;
  bool given_ = false;
};

template <class T>
detached_task give_to(task<T> work,
                      std::shared_ptr<waiting_thread<T>> waiting) {
  std::optional<T> value;
  std::exception_ptr failure;
  try {
    // What it holds is let go before anybody hears of its end.
    auto running = std::move(work);
    value.emplace(co_await running);
  } catch (...) {
    failure = std::current_exception();
  }
  waiting->give(std::move(value), std::move(failure));
}

/// Runs a task to its end and waits for it. Not for threads of the actors.
template <class T>
T wait_for(task<T> work) {
  auto waiting = std::make_shared<waiting_thread<T>>();
  give_to(std::move(work), waiting);
  return waiting->take();
}

/// Runs tasks side by side; answers what they answer, in their order.
template <class T>
class all_of {
public:
  explicit all_of(std::vector<task<T>> tasks)
    : tasks_(std::move(tasks)),
      values_(tasks_.size()),
      failures_(tasks_.size()),
      remaining_(tasks_.size() + 1) {}

  bool await_ready() const noexcept {
    return tasks_.empty();
  }
  bool await_suspend(std::coroutine_handle<> awaiter) {
    awaiter_ = awaiter;
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      run(*this, i);
    // Whoever is the last goes on; this call is one of them.
    return remaining_.fetch_sub(1) > 1;
  }
  std::vector<T> await_resume() {
    std::vector<T> out;
    out.reserve(values_.size());
    for (auto& failure : failures_)
      if (failure)
        std::rethrow_exception(failure);
    for (auto& value : values_)
      out.push_back(std::move(*value));
    return out;
  }

private:
  static detached_task run(all_of& self, std::size_t which) {
    try {
      auto work = std::move(self.tasks_[which]);
      self.values_[which].emplace(co_await work);
    } catch (...) {
      self.failures_[which] = std::current_exception();
    }
    if (self.remaining_.fetch_sub(1) == 1)
      self.awaiter_.resume();
  }

  std::vector<task<T>> tasks_;
  std::vector<std::optional<T>> values_;
  std::vector<std::exception_ptr> failures_;
  std::atomic<std::size_t> remaining_;
  std::coroutine_handle<> awaiter_;
};

} // namespace cloister::actors
