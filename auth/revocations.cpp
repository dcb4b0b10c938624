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

namespace {

bytes name_of_scope(const scope& name) {
  return "scope " + bytes{name.path()};
}

} // namespace

std::vector<revocation_flag> revocations::flags_of(const scope& root) {
  std::vector<revocation_flag> out;
  for (std::optional<scope> at = root; at; at = at->parent())
    out.push_back(flag_of(name_of_scope(*at)));
  return out;
}

void revocations::end_scope(const scope& erased) {
  std::lock_guard guard{mutex_};
  auto known = flags_.find(name_of_scope(erased));
  if (known == flags_.end())
    return;
  if (auto flag = known->second.lock())
    flag->store(true, std::memory_order_release);
  flags_.erase(known);
}

} // namespace cloister::auth
