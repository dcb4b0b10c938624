// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/revocations.hpp"

namespace cloister::auth {

revocation_flag revocations::flag_of(bytes_view name) {
  std::lock_guard guard{mutex_};
  auto& known = flags_[bytes{name}];
  if (auto flag = known.lock())
    return flag;
  auto flag = std::make_shared<std::atomic<bool>>(false);
  known = flag;
  if (flags_.size() >= prune_at_) {
    std::erase_if(flags_,
                  [](const auto& each) { return each.second.expired(); });
    prune_at_ = 2 * flags_.size() + 1024;
  }
  return flag;
}

} // namespace cloister::auth
