// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/overdue.hpp"

#include <algorithm>

#include "engine/requests.hpp"
#include "persistence/expiry_index.hpp"

namespace cloister::engine {

result<overdue> count_overdue(const services& with, timestamp now) {
  auto watermark = with.expiries.watermark(now);
  if (watermark.has_error())
    return watermark.error();
  overdue out;
  auto from = std::min(*watermark, persistence::hour_before(now));
  for (auto hour = from; hour <= now; hour = persistence::next_hour(hour)) {
    auto entries = with.expiries.in_hour_of(hour);
    if (entries.has_error())
      return entries.error();
    for (const auto& entry : *entries) {
      if (entry.at > now)
        continue;
      auto owner = with.catalog.follow(entry.organization, entry.tags);
      if (owner.has_error())
        continue;
      auto is_purge = entry.sequence == rekey_sequence;
      ++(is_purge ? out.purges : out.expired);
    }
  }
  return out;
}

} // namespace cloister::engine
