// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>
#include <vector>

#include "auth/audit_entry.hpp"

namespace cloister::engine {

/// Refusals that anybody can cause as often as they like must not fill a chain:
/// of those that are alike the first one in a minute is an entry of its own,
/// the others are counted into one more. One thread at a time.
class refusal_counter {
public:
  /// Whether `entry` is the first of its kind in its minute. Others are counted
  /// and not to be noted. `kind` says which are alike.
  bool is_first(const std::string& kind, const auth::audit_entry& entry);

  /// Takes out entries for what was counted in minutes that are over by `now`.
  std::vector<auth::audit_entry> take_before(timestamp now);
  std::vector<auth::audit_entry> take_all();

private:
  struct repeated {
    std::int64_t minute = -1;
    std::uint32_t more = 0;
    auth::audit_entry last;
  };
  std::vector<auth::audit_entry> take(std::int64_t before_minute);

  std::map<std::string, repeated> kinds_;
};

} // namespace cloister::engine
