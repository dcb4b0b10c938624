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

void connections::drain_all() {
  std::lock_guard guard{mutex_};
  for (const auto& [number, each] : open_)
    if (auto one = each.lock())
      one->drain();
}

void connections::abort_all() {
  std::lock_guard guard{mutex_};
  for (const auto& [number, each] : open_)
    if (auto one = each.lock())
      one->abort();
}

bool connections::wait_for_none(std::chrono::milliseconds time) {
  std::unique_lock guard{mutex_};
  return changed_.wait_for(guard, time, [this] { return open_.empty(); });
}

bool connections::reserve(std::size_t bytes) {
  auto held = body_bytes_.load();
  do {
    if (held + bytes > options.bodies_bytes_max)
      return false;
  } while (!body_bytes_.compare_exchange_weak(held, held + bytes));
  return true;
}

} // namespace cloister::server
