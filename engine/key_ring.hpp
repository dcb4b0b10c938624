// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <memory>
#include <vector>

#include "auth/api_key.hpp"
#include "auth/authority.hpp"
#include "auth/revocations.hpp"
#include "engine/memory_table.hpp"

namespace cloister::engine {

/// The committed API keys of one organization. One thread at a time; the
/// revocation flags are shared with every authority made from a key.
class key_ring {
public:
  explicit key_ring(std::shared_ptr<auth::revocations> revocations)
    : revocations_(std::move(revocations)) {}

  struct entry {
    auth::key_record record;
    record_tag tag{};
    auth::revocation_flag revoked;
  };

  /// Adds a key or replaces its record; sets the flag if it was revoked.
  void put(auth::key_record record, const record_tag& tag);

  const entry* find(const auth::key_id& id) const;

  /// A key, the narrowed key that made it, and so on; empty if one of them is
  /// not known.
  std::vector<const entry*> lineage(const auth::key_id& id) const;

  /// Those rooted at or below a scope, oldest first.
  std::vector<auth::key_record> below(const scope& root) const;

  /// How many are neither revoked nor expired.
  std::size_t live(timestamp now) const;

  std::size_t size() const {
    return entries_.size();
  }

private:
  std::shared_ptr<auth::revocations> revocations_;
  std::map<auth::key_id, entry> entries_;
};

/// The storage key's rest for a key's record.
bytes key_record_rest(const crypto::secret_key& tag_key,
                      const auth::key_id& id);

} // namespace cloister::engine
