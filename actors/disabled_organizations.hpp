// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "auth/authority.hpp"
#include "auth/permission.hpp"
#include "core/rfc3339.hpp"
#include "core/scope.hpp"

namespace cloister::actors {

/// Organizations that nobody may use until they are erased; a copy of what the
/// node's records say. Thread-safe.
class disabled_organizations {
public:
  void add(const scope& name, timestamp erased_at) {
    std::lock_guard guard{mutex_};
    times_[std::string{name.path()}] = erased_at;
    any_ = true;
  }

  void remove(const scope& name) {
    std::lock_guard guard{mutex_};
    times_.erase(std::string{name.path()});
    any_ = !times_.empty();
  }

  /// Why an operation may not be done, if so. The operator may look at the
  /// audit trail until it is too late.
  std::optional<error> refusal(const auth::grant& given) const {
    if (!any_.load(std::memory_order_acquire)
        || given.who().kind == auth::principal_kind::system)
      return std::nullopt;
    if (given.who().kind == auth::principal_kind::operator_
        && auth::required_for(given.what()) == auth::permission::audit)
      return std::nullopt;
    return refusal(given.target().organization());
  }

  /// Why nobody may use an organization, if so.
  std::optional<error> refusal(const scope& organization) const {
    if (!any_.load(std::memory_order_acquire))
      return std::nullopt;
    std::lock_guard guard{mutex_};
    auto found = times_.find(organization.path());
    if (found == times_.end())
      return std::nullopt;
    return error{errc::forbidden,
                 "the organization is disabled, and is erased at "
                   + to_rfc3339(found->second)
                   + "; until then the operator can keep it with `cloister org "
                     "erase --cancel`"};
  }

  /// Those whose time has come, and that nobody is at work on.
  std::vector<scope> take_due(timestamp now) {
    std::lock_guard guard{mutex_};
    std::vector<scope> out;
    for (const auto& [path, at] : times_)
      if (at <= now && at_work_.insert(path).second)
        out.push_back(scope::parse(path).value());
    return out;
  }

  /// Nobody is at work on it any more.
  void leave(const scope& name) {
    std::lock_guard guard{mutex_};
    at_work_.erase(std::string{name.path()});
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, timestamp, std::less<>> times_;
  std::set<std::string> at_work_;
  std::atomic<bool> any_{false};
};

} // namespace cloister::actors
