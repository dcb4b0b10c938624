// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/client_cache.hpp"

#include "runtime/digest.hpp"

namespace cloister::server {

namespace {

constexpr std::size_t clients_max = 10'000;

} // namespace

void client_cache::find(const std::string& api_key, const std::string& user_id,
                        completion_handler<client> done) {
  // A header has no NUL, so that one pair has one name.
  auto name = text_digest(api_key + '\0' + user_id);
  std::optional<client> known;
  {
    std::lock_guard guard{mutex_};
    auto found = places_.find(name);
    // One that has ended is proven again, and refused as any other.
    if (found != places_.end() && found->second->bound.ended()) {
      entries_.erase(found->second);
      places_.erase(found);
    } else if (found != places_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      known = found->second->bound;
    }
  }
  if (known)
    return done(std::move(*known));
  store_.client(api_key, user_id,
                [this, name, done = std::move(done)](result<client> bound) {
                  if (bound)
                    add(name, *bound);
                  done(std::move(bound));
                });
}

void client_cache::add(const std::string& name, const client& bound) {
  std::lock_guard guard{mutex_};
  if (places_.contains(name))
    return;
  entries_.push_front({name, bound});
  places_.emplace(name, entries_.begin());
  if (entries_.size() > clients_max) {
    places_.erase(entries_.back().name);
    entries_.pop_back();
  }
}

} // namespace cloister::server
