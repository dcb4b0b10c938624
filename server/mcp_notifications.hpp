// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "core/memory_event.hpp"
#include "runtime/client.hpp"

namespace cloister::server {

/// The resources that an agent wants to hear of. Thread-safe.
class mcp_subscriptions {
public:
  static constexpr std::size_t uris_max = 100;

  /// False if there are too many.
  bool add(const std::string& uri);
  void remove(const std::string& uri);
  bool contains(const std::string& uri) const;
  std::vector<std::string> all() const;

  /// Of a connection that can be spoken to only by one stream, the last one
  /// that was asked for.
  std::uint64_t begin_stream() {
    auto out = ++stream_;
    wake();
    return out;
  }
  /// Ends the one there is.
  void end_stream() {
    static_cast<void>(begin_stream());
  }
  /// How the newest one is woken.
  void set_waker(std::function<void()> waker) {
    std::lock_guard guard{mutex_};
    waker_ = std::move(waker);
  }
  bool is_newest(std::uint64_t stream) const {
    return stream_ == stream;
  }

private:
  void wake() {
    std::function<void()> waker;
    {
      std::lock_guard guard{mutex_};
      waker = waker_;
    }
    if (waker)
      waker();
  }

  mutable std::mutex mutex_;
  std::function<void()> waker_;
  std::set<std::string> uris_;
  std::atomic<std::uint64_t> stream_{0};
};

using mcp_subscriptions_ptr = std::shared_ptr<mcp_subscriptions>;

/// What an agent is told of an event of its scope.
std::vector<boost::json::object>
mcp_notifications(const client& bound, const mcp_subscriptions& wanted,
                  const memory_event& event);

} // namespace cloister::server
