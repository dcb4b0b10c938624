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
      remove(found->second);
    } else if (found != places_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      known = found->second->bound;
    }
  }
  if (known)
    return done(std::move(*known));
  store_.client(api_key, user_id,
                [this, name, key_digest = text_digest(api_key),
                 done = std::move(done)](result<client> bound) {
                  if (bound)
                    add({name, key_digest, *bound});
                  done(std::move(bound));
                });
}

std::optional<std::string>
client_cache::organization_of(const std::string& api_key) {
  auto digest = text_digest(api_key);
  std::lock_guard guard{mutex_};
  auto known = keys_.find(digest);
  if (known == keys_.end() || known->second.bound.ended())
    return std::nullopt;
  return std::string{known->second.bound.bound_to().organization().path()};
}

void client_cache::add(entry one) {
  std::lock_guard guard{mutex_};
  if (places_.contains(one.name))
    return;
  auto key = keys_.try_emplace(one.key_digest, known_key{one.bound}).first;
  // One that had ended may be good again.
  key->second.bound = one.bound;
  ++key->second.entries;
  entries_.push_front(std::move(one));
  places_.emplace(entries_.front().name, entries_.begin());
  if (entries_.size() > clients_max)
    remove(std::prev(entries_.end()));
}

void client_cache::remove(std::list<entry>::iterator one) {
  auto key = keys_.find(one->key_digest);
  if (--key->second.entries == 0)
    keys_.erase(key);
  places_.erase(one->name);
  entries_.erase(one);
}

} // namespace cloister::server
