// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>

#include <boost/json/object.hpp>

#include "server/mcp_notifications.hpp"

namespace cloister::cli {

/// Tells an agent what happens to the resources it has subscribed to, as long
/// as it lives. Its destructor waits until nothing is being written.
class mcp_notifier {
public:
  /// What is told of an event.
  using teller
    = std::function<std::vector<boost::json::object>(const memory_event&)>;

  /// Both are called on threads of the runtime, once at a time.
  mcp_notifier(const client& bound, teller told,
               std::function<void(const boost::json::object&)> write);
  mcp_notifier(const mcp_notifier&) = delete;
  mcp_notifier& operator=(const mcp_notifier&) = delete;
  ~mcp_notifier();

private:
  struct loop;
  std::shared_ptr<loop> loop_;
};

} // namespace cloister::cli
