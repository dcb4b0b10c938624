// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/restart_policy.hpp"

#include <algorithm>

namespace cloister::actors {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

milliseconds pause_after(unsigned crashes) {
  auto factor = 1u << std::min(crashes - 1, 16u);
  return std::min<milliseconds>(restart_policy::first_pause * factor,
                                restart_policy::longest_pause);
}

} // namespace

bool restart_policy::is_over(const record& known, time now) {
  // A quarantine is no calm period: after it there is one more try.
  auto calm = known.crashes >= crashes_max ? quarantine_period + calm_period
                                           : calm_period;
  return now - known.last > calm;
}

void restart_policy::crashed(const std::string& scope, time now) {
  if (records_.size() >= records_kept_max)
    std::erase_if(
      records_, [now](const auto& each) { return is_over(each.second, now); });
  auto& known = records_[scope];
  if (is_over(known, now))
    known.crashes = 0;
  known.crashes = std::min(known.crashes + 1, crashes_max);
  known.last = now;
}

bool restart_policy::has_crashed(const std::string& scope) const {
  return records_.contains(scope);
}

result<void> restart_policy::may_start(const std::string& scope, time now) {
  auto found = records_.find(scope);
  if (found == records_.end())
    return {};
  const auto& [crashes, last] = found->second;
  if (crashes >= crashes_max) {
    if (now - last > quarantine_period)
      return {};
    return error{errc::quarantined,
                 "this scope failed again and again and is "
                 "set aside for some minutes",
                 duration_cast<milliseconds>(last + quarantine_period - now)};
  }
  auto over = last + pause_after(crashes);
  if (now < over)
    return error{
      errc::unavailable,
      "this scope failed and is being restarted; "
      "try again",
      std::max(duration_cast<milliseconds>(over - now), milliseconds{1})};
  return {};
}

void restart_policy::pardon(const std::string& scope) {
  records_.erase(scope);
}

} // namespace cloister::actors
