// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "core/limits.hpp"
#include "core/memory.hpp"
#include "core/scope.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::actors {

/// Copies that are on their way from scope to scope, and scopes that are being
/// erased with their copies: none must be written behind the back of whoever
/// looks for them. Thread-safe.
class copy_keeper {
public:
  /// Counts a copy, from before its source is read.
  std::uint64_t begin(const scope& organization) {
    std::lock_guard guard{mutex_};
    under_way_.emplace(next_, std::string{organization.path()});
    return next_++;
  }
  void end(std::uint64_t copy) {
    std::lock_guard guard{mutex_};
    under_way_.erase(copy);
  }

  /// Whether something that came through these scopes may be written.
  bool may_write(const memory_origin& origin) const {
    std::lock_guard guard{mutex_};
    return std::none_of(
      origin.path.begin(), origin.path.end(),
      [this](const auto& passed) { return erasing_.contains(passed.tag); });
  }

  /// Nothing that came through a scope may be written from now on, but for what
  /// was on its way before the number that is answered.
  std::uint64_t block(const persistence::scope_tag& source) {
    std::lock_guard guard{mutex_};
    erasing_.insert(source);
    return next_;
  }
  void unblock(const persistence::scope_tag& source) {
    std::lock_guard guard{mutex_};
    erasing_.erase(erasing_.find(source));
  }
  bool blocks(const persistence::scope_tag& source) const {
    std::lock_guard guard{mutex_};
    return erasing_.contains(source);
  }
  bool is_under_way(const scope& organization, std::uint64_t before) const {
    std::lock_guard guard{mutex_};
    return std::any_of(
      under_way_.begin(), under_way_.lower_bound(before),
      [&](const auto& each) { return each.second == organization.path(); });
  }

private:
  mutable std::mutex mutex_;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, std::string> under_way_;
  std::multiset<persistence::scope_tag> erasing_;
};

/// One copy, as long as it is on its way.
class copy_turn {
public:
  copy_turn(std::shared_ptr<copy_keeper> keeper, const scope& organization)
    : keeper_(std::move(keeper)), number_(keeper_->begin(organization)) {}
  copy_turn(const copy_turn&) = delete;
  copy_turn& operator=(const copy_turn&) = delete;
  ~copy_turn() {
    keeper_->end(number_);
  }

  /// Once it was read. Fails with `unavailable`.
  result<void> check(const memory_origin& origin) const {
    if (keeper_->may_write(origin))
      return {};
    return error{errc::unavailable,
                 "where it came from is being erased with all copies",
                 limits::overload_retry_hint};
  }

private:
  std::shared_ptr<copy_keeper> keeper_;
  std::uint64_t number_;
};

} // namespace cloister::actors
