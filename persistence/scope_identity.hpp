// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/clock.hpp"
#include "core/scope.hpp"
#include "crypto/secret_key.hpp"
#include "persistence/organization_settings.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::persistence {

/// What seals a scope's memories, revisions and idempotency records. Immutable.
struct data_keys {
  crypto::secret_key key;
  std::uint32_t epoch = 1;
  /// The one before, while records are moved to the new one.
  std::optional<crypto::secret_key> previous;

  /// The key of an epoch; null if it is neither.
  const crypto::secret_key* of_epoch(std::uint32_t wanted) const;
};
using data_keys_ptr = std::shared_ptr<const data_keys>;

/// The data keys that a scope has now. Thread-safe.
class data_key_ring {
public:
  explicit data_key_ring(data_keys_ptr keys) : keys_(std::move(keys)) {}

  data_keys_ptr now() const {
    std::lock_guard guard{mutex_};
    return keys_;
  }

  /// Once they are in the scope's slot.
  void become(data_keys_ptr next) {
    std::lock_guard guard{mutex_};
    keys_ = std::move(next);
  }

private:
  mutable std::mutex mutex_;
  data_keys_ptr keys_;
};

/// The keys of one scope. Immutable once made but for the data keys; shared
/// between threads.
struct scope_keys {
  /// Wraps the children's keys.
  crypto::secret_key wrapping;
  /// Seals the head and the catalog below this scope; derived from `wrapping`.
  crypto::secret_key control;
  /// Keys the hashes of the head's record sets; derived from `wrapping`.
  crypto::secret_key fingerprint;
  std::shared_ptr<data_key_ring> data;

  /// Fresh random keys.
  static scope_keys random();
  /// Derives what follows from a wrapping key.
  static scope_keys assemble(crypto::secret_key wrapping, data_keys data);
};

/// What all scopes of an organization share: the content of its 's' record.
///
///   secrets := version:u8 tag_key:32 id_key:32 audit_key:32
///              count:u8 (version:u8 signing_key:32)*
///
/// Sealed under the organization's control key.
struct organization_keys {
  /// Keys the tags of scopes and the hashes of their names.
  crypto::secret_key tag;
  /// Masks the locators in memory ids.
  crypto::secret_key id;
  /// Seals audit entries, which must outlive the scopes they speak of.
  crypto::secret_key audit;
  /// Signs API keys; the last one signs new ones.
  std::vector<std::pair<std::uint8_t, crypto::secret_key>> signing;

  /// The signing key of a version; null if there is none.
  const crypto::secret_key* signing_key(std::uint8_t version) const;
};

/// One incarnation of a scope: where its records are and what opens them.
/// Immutable; shared between threads; keeps its ancestors alive.
struct scope_identity {
  scope name;
  scope_tag tag{};
  partition_id partition = 0;
  std::uint32_t incarnation = 1;
  scope_pseudonym pseudonym{};
  timestamp created_at;
  std::uint64_t slot = 0;
  scope_keys keys;
  std::shared_ptr<const organization_keys> organization;
  /// Of the organization; shared by all of its scopes.
  std::shared_ptr<shared_settings> settings;
  /// None for an organization.
  std::shared_ptr<const scope_identity> parent;
  /// An ephemeral session: its keys are nowhere but here.
  bool ephemeral = false;

  key_space space() const {
    return key_space{partition, tag};
  }

  /// The organization's identity.
  const scope_identity& root() const {
    auto at = this;
    while (at->parent)
      at = at->parent.get();
    return *at;
  }
};

using identity_ptr = std::shared_ptr<const scope_identity>;

} // namespace cloister::persistence
