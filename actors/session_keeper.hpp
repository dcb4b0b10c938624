// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/interfaces.hpp"
#include "engine/session_table.hpp"

namespace cloister::actors {

/// The end of a session that is being brought about. Who may end it was decided
/// once: what is tried again does not ask anew.
struct unfinished_end {
  engine::live_session_ptr session;
  auth::grant allowed;
  std::optional<engine::session_remains> remains = {};
};

/// Who opens and ends sessions, and where the actors of ephemeral ones are.
/// Thread-safe.
class session_keeper {
public:
  /// Counts work that a gateway must wait for. False if it is ending.
  bool enter() {
    std::lock_guard guard{mutex_};
    if (ending_)
      return false;
    ++running_;
    return true;
  }
  void leave() {
    std::lock_guard guard{mutex_};
    --running_;
    changed_.notify_all();
  }

  /// Counts a session that is being opened. False where a scope is about to be
  /// erased, or all is about to end.
  bool begin_open(const scope& parent) {
    std::lock_guard guard{mutex_};
    if (ending_)
      return false;
    for (std::optional<scope> at = parent; at; at = at->parent())
      if (blocked_.contains(at->path()))
        return false;
    opening_.insert(std::string{parent.path()});
    return true;
  }
  void end_open(const scope& parent) {
    std::lock_guard guard{mutex_};
    opening_.erase(opening_.find(std::string{parent.path()}));
    changed_.notify_all();
  }
  /// Nothing is opened at or below a scope from now on, but for what is being
  /// opened. False if that is so already.
  bool block(const scope& name) {
    std::lock_guard guard{mutex_};
    return blocked_.insert(std::string{name.path()}).second;
  }
  void unblock(const scope& name) {
    std::lock_guard guard{mutex_};
    blocked_.erase(std::string{name.path()});
  }
  bool is_opening_below(const scope& name) const {
    std::lock_guard guard{mutex_};
    for (auto at = opening_.lower_bound(name.path());
         at != opening_.end() && at->starts_with(name.path()); ++at)
      if (at->size() == name.path().size() || (*at)[name.path().size()] == '/')
        return true;
    return false;
  }

  void remember(const engine::live_session& session, scope_actor handle) {
    std::lock_guard guard{mutex_};
    actors_.emplace(&session, std::move(handle));
  }
  /// Its actor; none if it has none.
  scope_actor take(const engine::live_session& session) {
    std::lock_guard guard{mutex_};
    auto found = actors_.find(&session);
    if (found == actors_.end())
      return {};
    auto handle = std::move(found->second);
    actors_.erase(found);
    return handle;
  }

  void leave_unfinished(unfinished_end what) {
    std::lock_guard guard{mutex_};
    unfinished_.push_back(std::move(what));
  }
  std::vector<unfinished_end> take_unfinished() {
    std::lock_guard guard{mutex_};
    return std::exchange(unfinished_, {});
  }

  /// Its place in the node's list is to be given back; once.
  void leave_place(const engine::live_session_ptr& of) {
    if (of->begin_leaving())
      leave_place_again(of);
  }
  void leave_place_again(const engine::live_session_ptr& of) {
    std::lock_guard guard{mutex_};
    places_.push_back(of);
  }
  std::vector<engine::live_session_ptr> take_places() {
    std::lock_guard guard{mutex_};
    return std::exchange(places_, {});
  }

  bool is_ending() const {
    std::lock_guard guard{mutex_};
    return ending_;
  }

  /// One look at a time. False if one is on its way: it looks again.
  bool begin_look() {
    std::lock_guard guard{mutex_};
    again_ = true;
    if (ending_ || looking_)
      return false;
    looking_ = true;
    ++running_;
    return true;
  }
  bool next_look() {
    std::lock_guard guard{mutex_};
    if (again_ && !ending_) {
      again_ = false;
      return true;
    }
    looking_ = false;
    return false;
  }

  /// Refuses what is new and waits for what runs.
  void end() {
    std::unique_lock guard{mutex_};
    ending_ = true;
    changed_.wait(guard, [this] { return running_ == 0 && opening_.empty(); });
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t running_ = 0;
  bool ending_ = false;
  bool looking_ = false;
  bool again_ = false;
  std::multiset<std::string, std::less<>> opening_;
  std::set<std::string, std::less<>> blocked_;
  std::unordered_map<const engine::live_session*, scope_actor> actors_;
  std::vector<unfinished_end> unfinished_;
  std::vector<engine::live_session_ptr> places_;
};

} // namespace cloister::actors
