// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

namespace cloister::actors {

/// An operation in several steps that waits for actors in between, written as a
/// coroutine: begins when it is awaited or started, goes on in whatever thread
/// brings what it waits for, and answers one value. Belongs to one owner.
template <class T>
class [[nodiscard]] task {
public:
  struct promise_type {
    task get_return_object() {
      return task{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept {
      return {};
    }
    struct back_to_awaiter {
      bool await_ready() noexcept {
        return false;
      }
      std::coroutine_handle<>
      await_suspend(std::coroutine_handle<promise_type> done) noexcept {
        return done.promise().awaiter;
      }
      void await_resume() noexcept {}
    };
    back_to_awaiter final_suspend() noexcept {
      return {};
    }
    void return_value(T given) {
      value.emplace(std::move(given));
    }
    void unhandled_exception() {
      failure = std::current_exception();
    }

    std::optional<T> value;
    std::exception_ptr failure;
    std::coroutine_handle<> awaiter = std::noop_coroutine();
  };

  task(task&& other) noexcept : self_(std::exchange(other.self_, nullptr)) {}
  task(const task&) = delete;
  task& operator=(const task&) = delete;
  ~task() {
    if (self_)
      self_.destroy();
  }

  bool await_ready() const noexcept {
    return false;
  }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) {
    self_.promise().awaiter = awaiter;
    return self_;
  }
  T await_resume() {
    if (self_.promise().failure)
      std::rethrow_exception(self_.promise().failure);
    return std::move(*self_.promise().value);
  }

private:
  explicit task(std::coroutine_handle<promise_type> self) : self_(self) {}

  std::coroutine_handle<promise_type> self_;
};

/// A coroutine that nobody waits for: it begins at once and cleans up after
/// itself. What it calls must not throw.
struct detached_task {
  struct promise_type {
    detached_task get_return_object() {
      return {};
    }
    std::suspend_never initial_suspend() noexcept {
      return {};
    }
    std::suspend_never final_suspend() noexcept {
      return {};
    }
    void return_void() {}
    void unhandled_exception() noexcept {
      std::terminate();
    }
  };
};

} // namespace cloister::actors
