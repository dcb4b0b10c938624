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
/// alone has most of it. All of them together have no more than there is.
/// Thread-safe.
class tenant_shares {
public:
  /// Some of it, until it is gone.
  using turn = std::shared_ptr<void>;

  /// Of so much that there is for everybody. Each has one at least.
  explicit tenant_shares(std::size_t of_all);
  tenant_shares(std::size_t of_all, std::size_t of_one)
    : all_max_(of_all), max_(of_one) {}

  /// For the organization of a scope; nothing if that would be too much.
  turn take(const scope& of, std::size_t amount = 1);
  /// The same by the organization's name; an empty one is whoever is not known.
  turn take(std::string organization, std::size_t amount = 1);

private:
  struct one;
  /// Turns may last longer than what gave them.
  struct counts {
    std::mutex mutex;
    std::unordered_map<std::string, std::size_t> taken;
    std::size_t all = 0;
  };

  const std::size_t all_max_;
  const std::size_t max_;
  const std::shared_ptr<counts> counts_ = std::make_shared<counts>();
};

} // namespace cloister::server
