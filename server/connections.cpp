// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/connections.hpp"

#include <vector>

namespace cloister::server {

std::uint64_t connections::add(const std::weak_ptr<open_connection>& one) {
  std::lock_guard guard{mutex_};
  if (open_.size() >= options.connections_max)
    return 0;
  open_.emplace(next_, one);
  ++of->metrics.connections;
  return next_++;
}

void connections::remove(std::uint64_t number) {
  {
    std::lock_guard guard{mutex_};
    if (open_.erase(number) == 0)
      return;
  }
  --of->metrics.connections;
  changed_.notify_all();
}

/// Held beyond the lock: the last reference to one may be ours, and its end
/// takes the lock.
std::vector<std::shared_ptr<open_connection>> connections::all() {
  std::vector<std::shared_ptr<open_connection>> out;
  std::lock_guard guard{mutex_};
  for (const auto& [number, each] : open_)
    if (auto one = each.lock())
      out.push_back(std::move(one));
  return out;
}

void connections::drain_all() {
  for (const auto& each : all())
    each->drain();
}

void connections::abort_all() {
  for (const auto& each : all())
    each->abort();
}

void connections::look_at_all() {
  auto now = std::chrono::steady_clock::now();
  for (const auto& each : all())
    each->look(now);
}

bool connections::wait_for_none(std::chrono::milliseconds time) {
  std::unique_lock guard{mutex_};
  return changed_.wait_for(guard, time, [this] { return open_.empty(); });
}

} // namespace cloister::server
