// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/change_signals.hpp"

#include <algorithm>

namespace cloister::engine {

std::shared_ptr<const void> change_signals::watch(const scope& name,
                                                  wake told) {
  std::string path{name.path()};
  auto kept = std::make_shared<const wake>(std::move(told));
  {
    std::lock_guard guard{mutex_};
    by_path_[path].push_back(kept);
    ++count_;
  }
  auto forgetting
    = [of = weak_from_this(), path = std::move(path), kept](const void*) {
        if (auto self = of.lock())
          self->forget(path, kept);
      };
  return {kept.get(), std::move(forgetting)};
}

void change_signals::forget(const std::string& path, const wake_ptr& told) {
  std::lock_guard guard{mutex_};
  auto found = by_path_.find(path);
  if (found == by_path_.end())
    return;
  count_ -= std::erase(found->second, told);
  if (found->second.empty())
    by_path_.erase(found);
}

void change_signals::collect(const std::string& path,
                             std::vector<wake_ptr>& out) const {
  auto found = by_path_.find(path);
  if (found != by_path_.end())
    out.insert(out.end(), found->second.begin(), found->second.end());
}

void change_signals::changed(const scope& name) const {
  if (count_ == 0)
    return;
  std::vector<wake_ptr> told;
  {
    std::lock_guard guard{mutex_};
    collect(std::string{name.path()}, told);
  }
  for (const auto& each : told)
    (*each)();
}

void change_signals::ended(const scope& name) const {
  if (count_ == 0)
    return;
  std::vector<wake_ptr> told;
  {
    std::lock_guard guard{mutex_};
    std::string path{name.path()};
    collect(path, told);
    if (auto above = name.parent())
      collect(std::string{above->path()}, told);
    // What lies below has "/" behind the path; "0" comes right after that.
    for (auto at = by_path_.lower_bound(path + '/');
         at != by_path_.end() && at->first < path + '0'; ++at)
      told.insert(told.end(), at->second.begin(), at->second.end());
  }
  for (const auto& each : told)
    (*each)();
}

} // namespace cloister::engine
