// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "engine/requests.hpp"

namespace cloister::actors {

/// Marks that the calling thread is one of the actors' while it does what
/// somebody outside is waiting for: it must not wait for actors to end.
class actor_thread_mark {
public:
  actor_thread_mark() : before_(std::exchange(marked(), true)) {}
  actor_thread_mark(const actor_thread_mark&) = delete;
  actor_thread_mark& operator=(const actor_thread_mark&) = delete;
  ~actor_thread_mark() {
    marked() = before_;
  }
  static bool is_set() {
    return marked();
  }
  /// The calling thread is one of a scheduler's, and stays it: if it waited for
  /// an actor, nobody might be left to run that.
  static void set_for_good() {
    marked() = true;
  }

private:
  static bool& marked();
  bool before_;
};

/// Takes the outcome of an operation from the actor that did it to whoever
/// waits for it, once. If the actor ends before, whoever waits is told as well:
/// with nothing. Shared by the message that carries it.
class completion {
public:
  using outcome = std::optional<result<engine::answer>>;

  explicit completion(std::function<void(outcome)> then)
    : then_(std::move(then)) {}
  completion(const completion&) = delete;
  completion& operator=(const completion&) = delete;
  ~completion() {
    complete(std::nullopt);
  }

  void deliver(result<engine::answer> done) {
    complete(std::move(done));
  }

private:
  void complete(outcome what) {
    if (completed_.exchange(true))
      return;
    actor_thread_mark mark;
    auto then = std::exchange(then_, nullptr);
    then(std::move(what));
  }

  std::function<void(outcome)> then_;
  std::atomic<bool> completed_{false};
};

using completion_ptr = std::shared_ptr<completion>;

} // namespace cloister::actors
