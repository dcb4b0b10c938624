// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <mutex>
#include <set>
#include <string>

#include "core/scope.hpp"

namespace cloister::actors {

/// Scopes that nobody may wake, with all below them, because they are being
/// erased. Outlives the directory, which may be restarted. Thread-safe.
class closed_scopes {
public:
  /// Returns false if it, or a scope above it, is closed already.
  bool close(const scope& name) {
    std::lock_guard guard{mutex_};
    if (covers_locked(name))
      return false;
    paths_.insert(std::string{name.path()});
    return true;
  }

  void open(const scope& name) {
    std::lock_guard guard{mutex_};
    paths_.erase(std::string{name.path()});
  }

  /// Whether a scope, or one above it, is closed.
  bool covers(const scope& name) const {
    std::lock_guard guard{mutex_};
    return covers_locked(name);
  }

  std::size_t size() const {
    std::lock_guard guard{mutex_};
    return paths_.size();
  }

private:
  bool covers_locked(const scope& name) const {
    if (paths_.empty())
      return false;
    for (std::optional<scope> at = name; at; at = at->parent())
      if (paths_.contains(at->path()))
        return true;
    return false;
  }

  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> paths_;
};

} // namespace cloister::actors
