// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_sessions.hpp"

#include <algorithm>

#include "server/random_name.hpp"

namespace cloister::server {

namespace {

constexpr std::size_t sessions_of_organization_max = 1'000;

} // namespace

std::string mcp_sessions::add(mcp_session session) {
  auto id = secret_name();
  std::lock_guard guard{mutex_};
  auto& count = of_organizations_[session.organization];
  if (count >= sessions_of_organization_max) {
    // Its own make place first, so that a key does not end others' sessions.
    auto oldest
      = std::find_if(entries_.rbegin(), entries_.rend(), [&](const auto& each) {
          return each.session.key_id == session.key_id;
        });
    if (oldest == entries_.rend())
      oldest = std::find_if(
        entries_.rbegin(), entries_.rend(), [&](const auto& each) {
          return each.session.organization == session.organization;
        });
    oldest->session.wanted->end_stream();
    places_.erase(oldest->id);
    entries_.erase(std::next(oldest).base());
    --count;
  }
  ++count;
  entries_.push_front({id, std::move(session)});
  places_.emplace(id, entries_.begin());
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
  auto count = of_organizations_.find(found->second->session.organization);
  if (--count->second == 0)
    of_organizations_.erase(count);
  found->second->session.wanted->end_stream();
  entries_.erase(found->second);
  places_.erase(found);
}

} // namespace cloister::server
