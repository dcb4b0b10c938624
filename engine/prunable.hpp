// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <vector>

#include "auth/audit_stub.hpp"
#include "engine/ledger.hpp"
#include "engine/requests.hpp"
#include "engine/services.hpp"
#include "persistence/organization_ends.hpp"

namespace cloister::engine {

/// The chain of a scope that was erased: whose trail tells of its end has what
/// opens it, or the node what it kept of its organization.
struct ended_context {
  std::optional<persistence::former_organization> former;
  ledger_context context;
};

/// By a chain above it, whose scope is `above` (none for the node). Without
/// `context.audit` where nothing opens it any more. Fails like a read.
result<std::shared_ptr<const ended_context>>
context_of_ended(const services& with, const persistence::identity_ptr& above,
                 const ended_chain& which);

/// Some of the oldest entries of a chain, read and verified to be pruned, and
/// what of them is needed further on.
struct prunable {
  std::optional<auth::audit_stub> stub;
  /// The store's generation that it was read at.
  std::uint64_t generation = 0;
  /// Entries from `from` up to `to` go; `head` is where they end.
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  crypto::digest head{};
  /// Whether there are others behind them that may go, too.
  bool more = false;
  /// What they tell of chains below, of names and of revocations.
  std::vector<auth::carried_entry> facts;
  /// What they put and erased, and when.
  struct effect {
    auth::audit_effect what;
    timestamp at;
  };
  std::vector<effect> effects;
};

/// Reads entries of a chain from before a time: of a scope's own (the node's
/// for none), or of one whose end that one tells. Stops at the first that is
/// younger, and after some of them. Fails with `corrupted` if they do not
/// verify. May read the disk.
result<prunable> read_prunable(const services& with,
                               const persistence::identity_ptr& identity,
                               const prune_chain& what);

/// The chains whose ends a chain tells, with where they end. May read the disk
/// for long.
result<ended_chains>
read_ended_chains(const services& with,
                  const persistence::identity_ptr& identity,
                  const list_ended_chains& what);

} // namespace cloister::engine
