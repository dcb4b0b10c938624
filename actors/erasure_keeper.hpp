// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/limits.hpp"
#include "core/scope.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::actors {

/// Who erases, and what is closed although nobody is at work on it: an erasure
/// that failed in the middle, until it is finished. One round of finishing runs
/// at a time. Thread-safe.
class erasure_keeper {
public:
  /// Counts an erasure. False if there are too many, of the organization or
  /// of all.
  bool enter(const scope& organization) {
    std::lock_guard guard{mutex_};
    auto& own = of_organizations_[std::string{organization.path()}];
    if (ending_ || running_ >= limits::erasures_in_flight_max
        || own >= limits::erasures_of_organization_max)
      return false;
    ++own;
    ++running_;
    return true;
  }

  void leave(const scope& organization) {
    std::lock_guard guard{mutex_};
    auto own = of_organizations_.find(std::string{organization.path()});
    if (--own->second == 0)
      of_organizations_.erase(own);
    --running_;
    changed_.notify_all();
  }

  void leave_round() {
    std::lock_guard guard{mutex_};
    --running_;
    changed_.notify_all();
  }

  /// Asks for one timer. False if there is one.
  bool set_timer() {
    std::lock_guard guard{mutex_};
    return !std::exchange(has_timer_, true);
  }
  void timer_is_over() {
    std::lock_guard guard{mutex_};
    has_timer_ = false;
  }

  /// A closed scope that the next round has to look at.
  void leave_closed(const scope& name) {
    std::lock_guard guard{mutex_};
    left_.insert(std::string{name.path()});
  }

  /// Its copies go before it does: nothing above it may go meanwhile.
  void begin_copies_of(const scope& name) {
    std::lock_guard guard{mutex_};
    copies_first_.insert(std::string{name.path()});
  }
  bool has_copies_to_erase_below(const scope& name) const {
    std::lock_guard guard{mutex_};
    return std::any_of(
      copies_first_.begin(), copies_first_.end(),
      [&](const auto& path) { return name.contains(*scope::parse(path)); });
  }

  bool is_left(const scope& name) const {
    std::lock_guard guard{mutex_};
    return left_.contains(std::string{name.path()});
  }

  void forget(const scope& name) {
    std::lock_guard guard{mutex_};
    left_.erase(std::string{name.path()});
    copies_first_.erase(std::string{name.path()});
  }

  std::vector<std::string> left() const {
    std::lock_guard guard{mutex_};
    return {left_.begin(), left_.end()};
  }

  /// The space of this can be given back by the next round.
  void add_destroyed(const persistence::scope_tag& tag) {
    std::lock_guard guard{mutex_};
    if (destroyed_.size() < limits::erased_waiting_max)
      destroyed_.push_back(tag);
    else
      looks_for_begun_ = true;
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
  std::set<std::string> copies_first_;
  std::vector<persistence::scope_tag> destroyed_;
  bool looks_for_begun_ = true;
  std::map<std::string, std::size_t> of_organizations_;
  std::size_t running_ = 0;
  bool has_timer_ = false;
  bool in_round_ = false;
  bool again_ = false;
  bool ending_ = false;
};

/// Counts an erasure as long as it lives.
class erasure_turn {
public:
  erasure_turn(std::shared_ptr<erasure_keeper> keeper, scope organization)
    : keeper_(keeper->enter(organization) ? std::move(keeper) : nullptr),
      organization_(std::move(organization)) {}
  erasure_turn(const erasure_turn&) = delete;
  erasure_turn& operator=(const erasure_turn&) = delete;
  ~erasure_turn() {
    if (keeper_ != nullptr)
      keeper_->leave(organization_);
  }
  explicit operator bool() const {
    return keeper_ != nullptr;
  }

private:
  std::shared_ptr<erasure_keeper> keeper_;
  scope organization_;
};

inline error erasing_error() {
  return {errc::unavailable, "the scope is being erased",
          limits::overload_retry_hint};
}

inline error too_many_erasures() {
  return {errc::overloaded, "too many erasures are running; try again",
          limits::overload_retry_hint};
}

} // namespace cloister::actors
