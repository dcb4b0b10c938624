// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace cloister {

/// What ships a checkpoint may take that long, then it is ended.
constexpr std::chrono::seconds checkpoint_command_time_max{30};

/// How long a command may take.
struct command_patience {
  std::chrono::milliseconds at_most;
  /// Asked now and then; true kills the command before its time is over.
  std::function<bool()> must_stop = {};
};

/// Runs a command of the shell with a text on its standard input, and waits for
/// its end. What it prints is dropped: our standard output may be a protocol or
/// a document. Fails with `unavailable` if it cannot be run, ends with another
/// code than 0, or is not done in time: then it is killed, with what it
/// started.
result<void> give_to_command(const std::string& command, std::string_view text,
                             const command_patience& patience);

} // namespace cloister
