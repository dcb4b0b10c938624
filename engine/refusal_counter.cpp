// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/refusal_counter.hpp"

#include <limits>

#include "core/limits.hpp"

namespace cloister::engine {

namespace {

constexpr std::int64_t minute_milliseconds = 60'000;
/// More kinds than these are counted together.
constexpr std::size_t kinds_max = 256;

std::int64_t minute_of(timestamp at) {
  return at.milliseconds / minute_milliseconds;
}

} // namespace

bool refusal_counter::is_first(const std::string& kind,
                               const auth::audit_entry& entry) {
  auto full = kinds_.size() >= kinds_max && !kinds_.contains(kind);
  auto& known = kinds_[full ? std::string{} : kind];
  auto minute = minute_of(entry.at);
  if (known.minute == minute) {
    ++known.more;
    known.last = entry;
    return false;
  }
  // The caller has taken out what was counted before, unless the clock was set
  // back: then it counts on.
  known.minute = minute;
  known.last = entry;
  return true;
}

std::vector<auth::audit_entry> refusal_counter::take_before(timestamp now) {
  return take(minute_of(now));
}

std::vector<auth::audit_entry> refusal_counter::take_all() {
  return take(std::numeric_limits<std::int64_t>::max());
}

std::vector<auth::audit_entry>
refusal_counter::take(std::int64_t before_minute) {
  std::vector<auth::audit_entry> out;
  for (auto at = kinds_.begin(); at != kinds_.end();) {
    auto& [minute, more, last] = at->second;
    if (minute >= before_minute) {
      ++at;
      continue;
    }
    if (more > 0) {
      last.count = more;
      last.reason += "; as often again in that minute as the count says";
      last.reason.resize(
        std::min(last.reason.size(), limits::reason_bytes_max));
      out.push_back(std::move(last));
    }
    at = kinds_.erase(at);
  }
  return out;
}

} // namespace cloister::engine
