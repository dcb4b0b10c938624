// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>

namespace cloister::actors {

/// Mailboxes for threads that wait for an answer; making one for each request
/// would cost as much as the request. Thread-safe.
class caller_pool {
public:
  explicit caller_pool(caf::actor_system& system) : system_(system) {}

  /// A mailbox while it is held.
  class caller {
  public:
    caller(caller_pool& pool, std::unique_ptr<caf::scoped_actor> actor)
      : pool_(pool), actor_(std::move(actor)) {}
    caller(const caller&) = delete;
    caller& operator=(const caller&) = delete;
    ~caller() {
      pool_.give_back(std::move(actor_));
    }
    caf::scoped_actor& operator*() {
      return *actor_;
    }

  private:
    caller_pool& pool_;
    std::unique_ptr<caf::scoped_actor> actor_;
  };

  caller take() {
    std::unique_ptr<caf::scoped_actor> actor;
    {
      std::lock_guard guard{mutex_};
      if (!idle_.empty()) {
        actor = std::move(idle_.back());
        idle_.pop_back();
      }
    }
    if (!actor)
      actor = std::make_unique<caf::scoped_actor>(system_, true);
    return {*this, std::move(actor)};
  }

private:
  void give_back(std::unique_ptr<caf::scoped_actor> actor) {
    std::lock_guard guard{mutex_};
    idle_.push_back(std::move(actor));
  }

  caf::actor_system& system_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<caf::scoped_actor>> idle_;
};

} // namespace cloister::actors
