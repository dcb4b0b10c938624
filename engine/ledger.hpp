// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <vector>

#include "auth/audit_chain.hpp"
#include "auth/audit_entry.hpp"
#include "persistence/audit_journal.hpp"
#include "persistence/catalog.hpp"
#include "persistence/head.hpp"
#include "persistence/scope_identity.hpp"
#include "persistence/write_batch.hpp"

namespace cloister::engine {

/// An audit entry that is in the journal but not yet in its chain.
struct journaled_entry {
  persistence::journal_position position;
  /// Entries recovered from a dead process have no file to settle.
  bool recovered = false;
  bytes sealed;
};

/// The keys and names under which one chain and head are kept. The keys are
/// owned by the identity that the ledger's owner holds.
struct ledger_context {
  persistence::key_space space;
  persistence::scope_tag tag{};
  persistence::scope_tag organization{};
  auth::pseudonym pseudonym{};
  const crypto::secret_key* control = nullptr;
  const crypto::secret_key* fingerprint = nullptr;
  const crypto::secret_key* audit = nullptr;
};

ledger_context context_of(const persistence::scope_identity& identity);
ledger_context context_of(const persistence::node_identity& node);

/// The head and the audit chain of one scope: everything that is part of each
/// of its batches. Its head runs ahead of the store by the batches in flight.
/// One thread at a time.
class ledger {
public:
  ledger(ledger_context context, persistence::scope_head head,
         persistence::audit_journal& journal);

  persistence::scope_head& head() {
    return head_;
  }
  const persistence::scope_head& head() const {
    return head_;
  }
  const ledger_context& context() const {
    return context_;
  }

  /// Seals an entry and hands it to the kernel; from then on it survives the
  /// process. Fails with `unavailable`: the access must then not happen.
  result<void> note(auth::audit_entry entry);

  /// Starts over from a head that was read again; what is pending and not part
  /// of its chain stays pending.
  void reset(const persistence::scope_head& head);

  /// Takes over entries that a dead process or a failed batch left.
  void add_pending(std::vector<journaled_entry> entries);

  bool has_pending() const {
    return !pending_.empty();
  }

  /// Completes a batch: chains what is pending, then `entry` if there is one,
  /// and writes the head. Returns the entries that are settled by it.
  std::vector<journaled_entry> close(persistence::write_batch& batch,
                                     const auth::audit_entry* entry);

  /// Tells the journal that entries are durable in the chain.
  void settle(const std::vector<journaled_entry>& entries);

  /// Adds or removes a record in one of the head's sets.
  void add(persistence::record_set& set, bytes_view key, bytes_view tag) const {
    set.add(*context_.fingerprint, key, tag);
  }
  void remove(persistence::record_set& set, bytes_view key,
              bytes_view tag) const {
    set.remove(*context_.fingerprint, key, tag);
  }

private:
  bytes seal(auth::audit_entry entry) const;
  void chain(persistence::write_batch& batch, bytes_view sealed);

  ledger_context context_;
  persistence::scope_head head_;
  persistence::audit_journal& journal_;
  std::vector<journaled_entry> pending_;
};

/// Adds the first head of a new scope to a batch, with its registry.
void put_first_head(
  persistence::write_batch& batch,
  const persistence::scope_identity& identity,
  const std::vector<persistence::registry_addition>& registry);

/// Reads a head. Fails with `corrupted` if it is missing or does not open.
result<persistence::scope_head> read_head(const ledger_context& context,
                                          const persistence::store& records);

} // namespace cloister::engine
