// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/checkpoint_shipper.hpp"

#include <condition_variable>
#include <mutex>

#include "runtime/checkpoint_command.hpp"

namespace cloister {

namespace {

void ship_one(const checkpoint_shipper::parts& with,
              const std::stop_token& stop) {
  auto document = with.make();
  auto done = document ? with.ship(*document, stop) : document.error();
  // What was cut short by the end of everything is nobody's concern.
  if (done.has_error() && !stop.stop_requested())
    with.warn(done.error());
}

} // namespace

checkpoint_shipper::checkpoint_shipper(parts with)
  : thread_([with = std::move(with)](const std::stop_token& stop) {
      do
        ship_one(with, stop);
      while (!stop.stop_requested() && with.wait(stop));
    }) {}

std::function<bool(const std::stop_token& stop)>
wait_between(std::chrono::milliseconds interval) {
  return [interval](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock{mutex};
    stopped.wait_for(lock, stop, interval, [] { return false; });
    return !stop.stop_requested();
  };
}

std::function<result<void>(const std::string& document,
                           const std::stop_token& stop)>
ship_by_command(std::string command) {
  return [command = std::move(command)](const std::string& document,
                                        const std::stop_token& stop) {
    return give_to_command(
      command, document + "\n",
      {checkpoint_command_time_max, [&stop] { return stop.stop_requested(); }});
  };
}

} // namespace cloister
