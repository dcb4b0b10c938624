// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/scope.hpp"

namespace cloister::engine {

/// Wakes whoever follows a scope once something has happened there. What that
/// was is in the scope's audit chain: nothing is kept here for anybody, so that
/// nobody's slowness costs others anything. Thread-safe.
class change_signals : public std::enable_shared_from_this<change_signals> {
public:
  /// Called on any thread, which it must not keep, at least once after each
  /// change; maybe once more while the watch is given up.
  using wake = std::function<void()>;

  /// Lasts as long as what is answered.
  std::shared_ptr<const void> watch(const scope& name, wake told);

  /// Something was made durable in a scope.
  void changed(const scope& name) const;

  /// A scope is gone, with all below it; the one above it tells of that.
  void ended(const scope& name) const;

  std::size_t watches() const {
    return count_.load();
  }

private:
  using wake_ptr = std::shared_ptr<const wake>;

  void forget(const std::string& path, const wake_ptr& told);
  void collect(const std::string& path, std::vector<wake_ptr>& out) const;

  std::atomic<std::size_t> count_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<wake_ptr>, std::less<>> by_path_;
};

} // namespace cloister::engine
