// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

#include "core/error.hpp"
#include "crypto/hash.hpp"
#include "crypto/signature.hpp"
#include "persistence/key_slots.hpp"
#include "persistence/master_keys.hpp"
#include "persistence/scope_identity.hpp"
#include "persistence/store.hpp"

namespace cloister::persistence {

struct rotation;

/// What one node knows about itself: the content of its 's' record.
///
///   secrets := version:u8 tag_key:32 audit_key:32 signing_seed:32
///              operator_key:32 recovery_public_key:32 pseudonym:16
///
/// Sealed under the node's control key, which the master key opens through
/// slot 0.
struct node_identity {
  scope_keys keys;
  /// Keys the tags of organizations and the hashes of their names.
  crypto::secret_key tag;
  crypto::secret_key audit;
  /// Ed25519, for receipts and checkpoints.
  crypto::secret_key signing_seed;
  /// Signs the operator's key.
  crypto::secret_key operator_signing;
  /// X25519; backups are sealed to it.
  crypto::public_key recovery{};
  scope_pseudonym pseudonym{};
  std::shared_ptr<master_keys> master;

  static scope_tag tag_of_node() {
    return {};
  }
  key_space space() const {
    return key_space{node_partition, tag_of_node()};
  }
};

/// Adds the records and slot of a new node to `batch`.
std::shared_ptr<const node_identity>
create_node_identity(crypto::secret_key master,
                     const crypto::public_key& recovery, write_batch& batch,
                     crypto::digest& registry_term);

/// Opens an existing node. Fails with `sealed` if the master key is another
/// one's.
result<std::shared_ptr<const node_identity>>
open_node_identity(std::shared_ptr<master_keys> master, const store& records,
                   const key_slots& slots);

/// The master key among some that it may be; where a rotation was begun, it and
/// the former one. Fails with `sealed`, or with `corrupted`.
result<std::shared_ptr<master_keys>>
find_master(std::vector<crypto::secret_key> candidates,
            const std::optional<rotation>& begun, const key_slots& slots);

/// The context under which a slot's keys are wrapped.
bytes slot_context(std::uint64_t slot, const scope_tag& owner,
                   std::uint32_t master_version, std::uint32_t data_epoch);

/// Wraps a scope's keys for its slot.
slot_write wrapped_slot(const crypto::secret_key& wrapping_key,
                        std::uint64_t slot, const scope_tag& owner,
                        std::uint32_t master_version, const scope_keys& keys);

/// The same with other data keys than those that it has now.
slot_write wrapped_slot(const crypto::secret_key& wrapping_key,
                        std::uint64_t slot, const scope_tag& owner,
                        std::uint32_t master_version, const scope_keys& keys,
                        const data_keys& data);

/// The inverse. Fails with `corrupted`.
result<scope_keys> unwrapped_slot(const crypto::secret_key& wrapping_key,
                                  const key_slot& slot);

} // namespace cloister::persistence
