// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "core/error.hpp"

namespace cloister {

/// Makes a checkpoint now and then and ships it, on a thread of its own, so
/// that neither a slow command nor one that hangs keeps anybody waiting. What
/// fails is told and tried again when the next one is due. Ends what it does
/// and waits for its thread when it is destroyed.
class checkpoint_shipper {
public:
  /// What it works with; called by its thread alone.
  struct parts {
    /// The next document.
    std::function<result<std::string>()> make;
    std::function<result<void>(const std::string& document,
                               const std::stop_token& stop)>
      ship;
    /// Until the next one is due. False once it was stopped.
    std::function<bool(const std::stop_token& stop)> wait;
    std::function<void(const error& failure)> warn;
  };

  explicit checkpoint_shipper(parts with);

private:
  std::jthread thread_;
};

/// Waits for a span of time, or until it is told to stop.
std::function<bool(const std::stop_token& stop)>
wait_between(std::chrono::milliseconds interval);

/// Ships by a command of the shell.
std::function<result<void>(const std::string& document,
                           const std::stop_token& stop)>
ship_by_command(std::string command);

} // namespace cloister
