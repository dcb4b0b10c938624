// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "persistence/node_identity.hpp"
#include "persistence/store.hpp"

namespace cloister::persistence {

// A session that is open: the content of the node's 'v' records, by which a
// start ends what must not outlive its process and goes on with the rest.
// Names are not in them.
//
//   session := version:u8 flags:u8 organization:16 pseudonym:16 opened:be64
//              used:be64 idle:be64 ends:be64 lease:be64 renewed:be64 (tag:16)*
//   flags   := 1 resumable
//
// Times are milliseconds; 0 where there is no such limit. The tags lead from
// below the organization to the session itself. Places in this list are used
// again, so that it never gets longer than sessions were open at a time. Sealed
// under the node's control key, context = its key. No head counts them: one
// that is lost leaves a resumable session without its limits, or an ephemeral
// one without the end of its audit chain; one that comes back ends nothing that
// is not known as ended.

struct session_record {
  bool resumable = false;
  scope_tag organization{};
  scope_pseudonym pseudonym{};
  timestamp opened_at;
  /// When it was used, as far as that was written down.
  timestamp used_at;
  /// How long it may go unused.
  std::chrono::milliseconds idle{0};
  /// When it ends in any case.
  std::optional<timestamp> ends_at;
  /// How long it may go without being renewed, and when it was.
  std::chrono::milliseconds lease{0};
  timestamp renewed_at;
  std::vector<scope_tag> path;

  friend bool operator==(const session_record&, const session_record&)
    = default;
};

bytes encode_session(const session_record& value);
/// Fails with `corrupted`.
result<session_record> decode_session(bytes_view data);

/// Its record in the node's list.
void put_session(const node_identity& node, std::uint64_t place,
                 const session_record& value, write_batch& batch);
void erase_session(const node_identity& node, std::uint64_t place,
                   write_batch& batch);

struct listed_session {
  std::uint64_t place = 0;
  /// Fails with `corrupted` where it is damaged.
  result<session_record> record;
};

/// All of them. May read the disk.
result<std::vector<listed_session>> list_sessions(const node_identity& node,
                                                  const store& records);

} // namespace cloister::persistence
