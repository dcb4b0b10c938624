// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "runtime/runtime.hpp"

namespace cloister::server {

/// Clients of keys that were used lately, so that a key is not proven with
/// every request. Whether it was revoked or has expired is asked with every
/// operation all the same. Keys are known by their digests. Thread-safe.
class client_cache {
public:
  explicit client_cache(runtime store) : store_(std::move(store)) {}

  /// Calls `done` at once, or on a thread of the runtime. This must be there
  /// until then.
  void find(const std::string& api_key, const std::string& user_id,
            completion_handler<client> done);

  /// Whose a key is that was used lately and has not ended.
  std::optional<std::string> organization_of(const std::string& api_key);

private:
  struct entry {
    std::string name;
    std::string key_digest;
    client bound;
  };

  void add(entry one);
  /// With the mutex.
  void remove(std::list<entry>::iterator one);

  runtime store_;
  std::mutex mutex_;
  /// The last used comes first.
  std::list<entry> entries_;
  std::unordered_map<std::string, std::list<entry>::iterator> places_;
  /// Of each key one of its clients, and how many entries it has.
  struct known_key {
    client bound;
    std::size_t entries = 0;
  };
  std::unordered_map<std::string, known_key> keys_;
};

} // namespace cloister::server
