// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_sessions.hpp"

#include "server/random_name.hpp"

namespace cloister::server {

namespace {

constexpr std::size_t sessions_max = 10'000;

} // namespace

std::string mcp_sessions::add(mcp_session session) {
  auto id = secret_name();
  std::lock_guard guard{mutex_};
  entries_.push_front({id, std::move(session)});
  places_.emplace(id, entries_.begin());
  if (entries_.size() > sessions_max) {
    places_.erase(entries_.back().id);
    entries_.pop_back();
  }
  return id;
}

std::optional<mcp_session> mcp_sessions::find(const std::string& id,
                                              const std::string& key_digest) {
  std::lock_guard guard{mutex_};
  auto found = places_.find(id);
  if (found == places_.end() || found->second->session.key_digest != key_digest)
    return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->session;
}

void mcp_sessions::remove(const std::string& id) {
  std::lock_guard guard{mutex_};
  auto found = places_.find(id);
  if (found == places_.end())
    return;
  entries_.erase(found->second);
  places_.erase(found);
}

} // namespace cloister::server
