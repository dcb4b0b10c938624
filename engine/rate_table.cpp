// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/rate_table.hpp"

namespace cloister::engine {

namespace {

constexpr std::size_t drop_at = 1024;

error limited(std::string_view whose, const operation_rate& rate,
              std::chrono::nanoseconds wait) {
  using std::chrono::milliseconds;
  // No name: the trail of the node keeps this, whatever is erased.
  return {errc::rate_limited,
          std::string{whose} + " may do " + std::to_string(rate.per_second)
            + " operations a second; try again later",
          std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(wait))};
}

} // namespace

void rate_table::learn(
  const scope& organization,
  const std::shared_ptr<const persistence::shared_settings>& from) {
  auto& at = shard_of(organization);
  std::lock_guard guard{at.mutex};
  auto known = at.known.find(organization.path());
  if (known == at.known.end()) {
    if (!from->limits().operations_per_second)
      return;
    known
      = at.known
          .emplace(std::string{organization.path()}, std::make_shared<entry>())
          .first;
  }
  known->second->settings = from;
  is_used_.store(true, std::memory_order_release);
}

rate_table::hold rate_table::set(const scope& name, const quota& limits,
                                 nanoseconds now) {
  auto rate = operation_rate::of(limits);
  if (!rate && !is_used_.load(std::memory_order_acquire))
    return nullptr;
  auto& at = shard_of(name);
  std::lock_guard guard{at.mutex};
  auto known = at.known.find(name.path());
  if (!rate) {
    if (known != at.known.end())
      at.known.erase(known);
    return nullptr;
  }
  if (known == at.known.end()) {
    drop_unused(at.known, now);
    known
      = at.known.emplace(std::string{name.path()}, std::make_shared<entry>())
          .first;
  }
  known->second->rate = rate;
  is_used_.store(true, std::memory_order_release);
  return known->second;
}

/// Of scopes that sleep, and have all their tokens.
void rate_table::drop_unused(entries& known, nanoseconds now) {
  if (known.size() < drop_at || (known.size() & (known.size() - 1)) != 0)
    return;
  std::erase_if(known, [now](const auto& each) {
    const auto& [name, what] = each;
    return !what->settings && what.use_count() == 1
           && what->bucket.is_full(now);
  });
}

void rate_table::forget(const scope& erased) {
  if (!is_used_.load(std::memory_order_acquire))
    return;
  auto& at = shard_of(erased);
  std::lock_guard guard{at.mutex};
  auto below = std::string{erased.path()} + '/';
  std::erase_if(at.known, [&](const auto& each) {
    return each.first == erased.path() || each.first.starts_with(below);
  });
}

result<void> rate_table::take(const scope* organization, const scope* name,
                              nanoseconds now) {
  if (!is_used_.load(std::memory_order_acquire))
    return {};
  if (organization == nullptr && name == nullptr)
    return {};
  auto& at = shard_of(organization != nullptr ? *organization : *name);
  std::lock_guard guard{at.mutex};
  struct limited_one {
    entry* what = nullptr;
    operation_rate rate;
  };
  std::array<limited_one, 2> both;
  std::size_t found = 0;
  for (const auto* each : {organization, name}) {
    if (each == nullptr)
      continue;
    auto known = at.known.find(each->path());
    if (known == at.known.end())
      continue;
    auto rate = known->second->now();
    if (!rate)
      continue;
    auto wait = known->second->bucket.wait(*rate, now);
    if (wait.count() > 0)
      return limited(each == organization ? "the organization" : "the scope",
                     *rate, wait);
    both[found++] = {known->second.get(), *rate};
  }
  for (std::size_t i = 0; i < found; ++i)
    both[i].what->bucket.take(both[i].rate, now);
  return {};
}

rate_table::shard& rate_table::shard_of(const scope& name) {
  return shards_[string_hash(name.organization().path()) % shards_.size()];
}

} // namespace cloister::engine
