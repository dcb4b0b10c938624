// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/scope.hpp"

namespace cloister::server {

/// What one organization may have of something that all of them share: three
/// quarters of it, so that nobody alone keeps it from others, and whoever is
/// alone has most of it. Thread-safe.
class tenant_shares {
public:
  /// One of them, until it is gone.
  using turn = std::shared_ptr<void>;

  /// Of so many that there are for everybody. Each has one at least.
  explicit tenant_shares(std::size_t of_all);

  /// For the organization of a scope; nothing if it has all that it may have.
  turn take(const scope& of);

private:
  struct one;
  /// Turns may last longer than what gave them.
  struct counts {
    std::mutex mutex;
    std::unordered_map<std::string, std::size_t> taken;
  };

  const std::size_t max_;
  const std::shared_ptr<counts> counts_ = std::make_shared<counts>();
};

} // namespace cloister::server
