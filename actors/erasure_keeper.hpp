// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "core/scope.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::actors {

/// Who erases, and what is closed although nobody is at work on it: an erasure
/// that failed in the middle, until it is finished. One round of finishing runs
/// at a time. Thread-safe.
class erasure_keeper {
public:
  /// Counts an erasure. False if there are too many.
  bool enter() {
    std::lock_guard guard{mutex_};
    if (ending_ || running_ >= limits::erasures_in_flight_max)
      return false;
    ++running_;
    return true;
  }

  void leave() {
    std::lock_guard guard{mutex_};
    --running_;
    changed_.notify_all();
  }

  /// A closed scope that the next round has to look at.
  void leave_closed(const scope& name) {
    std::lock_guard guard{mutex_};
    left_.insert(std::string{name.path()});
  }

  bool is_left(const scope& name) const {
    std::lock_guard guard{mutex_};
    return left_.contains(std::string{name.path()});
  }

  void forget(const scope& name) {
    std::lock_guard guard{mutex_};
    left_.erase(std::string{name.path()});
  }

  std::vector<std::string> left() const {
    std::lock_guard guard{mutex_};
    return {left_.begin(), left_.end()};
  }

  /// The space of this can be given back by the next round.
  void add_destroyed(const persistence::scope_tag& tag) {
    std::lock_guard guard{mutex_};
    destroyed_.push_back(tag);
  }

  /// The next round has to look for what was begun, which costs more.
  void look_for_begun() {
    std::lock_guard guard{mutex_};
    looks_for_begun_ = true;
  }

  std::vector<persistence::scope_tag> take_destroyed() {
    std::lock_guard guard{mutex_};
    return std::exchange(destroyed_, {});
  }

  bool must_look_for_begun() {
    std::lock_guard guard{mutex_};
    return std::exchange(looks_for_begun_, false);
  }

  /// Begins a round, unless one runs: that one goes round once more.
  bool begin_round() {
    std::lock_guard guard{mutex_};
    again_ = true;
    if (ending_ || in_round_)
      return false;
    in_round_ = true;
    ++running_;
    return true;
  }

  /// Whether somebody wanted a round since the last one began.
  bool next_round() {
    std::lock_guard guard{mutex_};
    if (again_ && !ending_) {
      again_ = false;
      return true;
    }
    in_round_ = false;
    return false;
  }

  bool is_ending() const {
    std::lock_guard guard{mutex_};
    return ending_;
  }

  /// Refuses what is new and waits for what runs.
  void end() {
    std::unique_lock guard{mutex_};
    ending_ = true;
    changed_.wait(guard, [this] { return running_ == 0; });
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> left_;
  std::vector<persistence::scope_tag> destroyed_;
  bool looks_for_begun_ = true;
  std::size_t running_ = 0;
  bool in_round_ = false;
  bool again_ = false;
  bool ending_ = false;
};

} // namespace cloister::actors
