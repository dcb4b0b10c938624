// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "core/error.hpp"

namespace cloister::actors {

/// What one active scope uses; shared by its actor, its callers and the
/// directory. Thread-safe.
struct scope_usage {
  std::atomic<std::uint32_t> in_flight{0};
  std::atomic<std::int64_t> memory_bytes{0};
  /// Steady time of the last request, in nanoseconds.
  std::atomic<std::int64_t> last_used{0};
};

/// What all scopes of a node use together. Thread-safe.
struct node_usage {
  std::atomic<std::uint32_t> in_flight{0};
  /// What those in flight carry.
  std::atomic<std::size_t> in_flight_bytes{0};
  std::atomic<std::int64_t> memory_bytes{0};
  std::atomic<std::uint32_t> active_scopes{0};
  /// Of these, sessions that are nowhere but in memory.
  std::atomic<std::uint32_t> ephemeral_scopes{0};
  /// Scope actors whose state exists, known to a directory or not.
  std::atomic<std::uint32_t> living_scopes{0};
};

/// A place among the requests in flight, given back on destruction. CAF's
/// mailboxes have no bound, so the bound stands before them.
class admission {
public:
  /// A place at the node, before its scope is looked for. `bytes` is what the
  /// request carries. Fails with `overloaded` and a retry hint when a bound is
  /// reached.
  static result<admission> enter(std::shared_ptr<node_usage> node,
                                 std::size_t bytes);
  /// The same at a scope.
  static result<admission> enter(std::shared_ptr<scope_usage> scope);

  admission(admission&& other) noexcept = default;
  admission& operator=(admission&& other) noexcept;
  ~admission();

private:
  admission(std::shared_ptr<node_usage> node,
            std::shared_ptr<scope_usage> scope, std::size_t bytes);
  void leave();

  std::shared_ptr<node_usage> node_;
  std::shared_ptr<scope_usage> scope_;
  std::size_t bytes_ = 0;
};

} // namespace cloister::actors
