// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <vector>

#include "core/clock.hpp"
#include "persistence/node_identity.hpp"

namespace cloister::persistence {

// What the node keeps of organizations that end. One that is disabled, until it
// is erased or kept after all: the content of its 'd' record.
//
//   disabled := version:u8 disabled:be64 erased:be64
//
// And of one that was erased, what its audit trail is verified with: the
// content of its 'f' record. The key is missing where the organization was too
// damaged to be opened.
//
//   former := version:u8 partition:be16 [audit_key:32]
//
// Both are sealed under the node's control key, context = the key. The node's
// head counts the first; of the second one that is lost leaves entries behind
// that do not open, and chains that nobody tells of.

/// An organization that nobody may use, and when it is erased.
struct disabled_organization {
  timestamp disabled_at;
  timestamp erased_at;
};

/// Where the chains of an organization that was erased are, and what opens
/// their entries: names were not in them.
struct former_organization {
  partition_id partition = 0;
  std::optional<crypto::secret_key> audit;
};

bytes seal_disabled(const node_identity& node, const scope_tag& tag,
                    const disabled_organization& value);

/// Nothing if it is not. Fails with `corrupted`.
result<std::optional<disabled_organization>>
read_disabled(const node_identity& node, const store& records,
              const scope_tag& tag);

/// All that are. One whose record is damaged is disabled for ever.
result<std::vector<std::pair<scope_tag, disabled_organization>>>
list_disabled(const node_identity& node, const store& records);

void put_former(const node_identity& node, const scope_tag& tag,
                partition_id partition, const crypto::secret_key* audit,
                write_batch& batch);

/// Nothing if there is none. Fails with `corrupted`.
result<std::optional<former_organization>>
read_former(const node_identity& node, const store& records,
            const scope_tag& tag);

} // namespace cloister::persistence
