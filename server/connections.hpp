// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "core/organization_share.hpp"
#include "server/server.hpp"
#include "server/service.hpp"

namespace cloister::server {

/// What the listener knows of a connection.
class open_connection {
public:
  virtual ~open_connection() = default;
  /// Ends it once it has nothing in flight. On any thread.
  virtual void drain() = 0;
  /// Ends it. On any thread.
  virtual void abort() = 0;
  /// Ends what takes longer than it may. On any thread.
  virtual void look(std::chrono::steady_clock::time_point now) = 0;
};

/// The connections there are, and what they share. Thread-safe.
class connections {
public:
  connections(std::shared_ptr<service> shared, server_options given)
    : of(std::move(shared)),
      options(std::move(given)),
      requests(bodies(options)),
      requests_of_strangers(
        std::max(options.bodies_bytes_max / 4, options.body_bytes_max),
        std::max(options.bodies_bytes_max / 4, options.body_bytes_max)),
      answers(bodies(options)) {}

  const std::shared_ptr<service> of;
  const server_options options;
  /// Bytes of bodies that are read, and of those that are answered: whoever
  /// sends much must not keep others from being answered.
  tenant_shares requests;
  /// Of those that come with keys which nobody used lately, and may be none.
  tenant_shares requests_of_strangers;
  tenant_shares answers;

  /// Counts one. Answers its number, or 0 if there are too many.
  std::uint64_t add(const std::weak_ptr<open_connection>& one);
  void remove(std::uint64_t number);
  void drain_all();
  void abort_all();
  void look_at_all();
  /// Whether none is left, within a time.
  bool wait_for_none(std::chrono::milliseconds time);

private:
  /// One body must be possible, whatever a share is.
  static tenant_shares bodies(const server_options& options) {
    auto all = options.bodies_bytes_max;
    return {all, std::min(all, std::max(organization_share(all),
                                        options.body_bytes_max))};
  }

  std::vector<std::shared_ptr<open_connection>> all();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, std::weak_ptr<open_connection>> open_;
};

} // namespace cloister::server
