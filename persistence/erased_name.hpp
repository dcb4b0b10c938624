// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include "core/clock.hpp"
#include "persistence/node_identity.hpp"

namespace cloister::persistence {

// A name that was erased, as the tombstones have it, without the name: what an
// erasure list is made of. A store that was restored from a backup has those of
// its list in the node's 'n' records, since the scopes whose tombstones they
// would be may not be there again.
//
//   refused := version:u8 incarnation:be32 state:u8 erased:be64
//   state   := 1 the name is refused | 2 it was reinstated; plus 16 where no
//              copies of what it had were left elsewhere
//
// Sealed under the node's control key, context = its key. Of a tombstone and
// such a record the later incarnation counts, and of two alike the record.

struct erased_name {
  /// The scope above; the node's for an organization.
  scope_tag parent{};
  /// The rest of the tombstone's key.
  std::array<std::uint8_t, 16> name{};
  /// The one that was erased.
  std::uint32_t incarnation = 1;
  bool refused = true;
  timestamp erased_at;
  /// No copies of what it had were left elsewhere.
  bool with_copies = false;

  friend bool operator==(const erased_name&, const erased_name&) = default;
};

storage_key key_of(const node_identity& node, const erased_name& value);

void put_erased_name(const node_identity& node, const erased_name& value,
                     write_batch& batch);

/// Nothing if there is none. Fails with `corrupted`.
result<std::optional<erased_name>>
read_erased_name(const node_identity& node, const store& records,
                 const scope_tag& parent,
                 const std::array<std::uint8_t, 16>& name);

/// All of the node's records. Fails with `corrupted`.
result<std::vector<erased_name>> list_erased_names(const node_identity& node,
                                                   const store& records);

} // namespace cloister::persistence
