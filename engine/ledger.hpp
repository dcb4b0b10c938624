// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <span>
#include <vector>

#include "auth/audit_chain.hpp"
#include "auth/audit_entry.hpp"
#include "persistence/audit_journal.hpp"
#include "persistence/catalog.hpp"
#include "persistence/head.hpp"
#include "persistence/scope_identity.hpp"
#include "persistence/session_record.hpp"
#include "persistence/write_batch.hpp"

namespace cloister::engine {

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
/// Of an ephemeral session whose engine is gone, by any scope of its
/// organization.
ledger_context
context_of_session(const persistence::scope_identity& of_organization,
                   const persistence::session_record& session);

/// The head and the audit chain of one scope: everything that is part of each
/// of its batches. Its head runs ahead of the store by the batches in flight.
/// One thread at a time.
class ledger {
public:
  /// Takes over what an engine before it, in this process or a former one, left
  /// in the journal.
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

  /// Starts over from a head that was read again. What the journal has and the
  /// chain has not is pending again.
  void reset(const persistence::scope_head& head);

  bool has_pending() const {
    return !pending_.empty();
  }

  /// Completes a batch: chains what is pending, then `entry` if there is one,
  /// and writes the head. Returns up to which journal entry the chain has all
  /// once the batch is durable, for `settle`. If the batch fails, `reset`
  /// brings its entries back.
  std::uint64_t close(persistence::write_batch& batch,
                      auth::audit_entry* entry);
  /// The same for several entries.
  std::uint64_t close(persistence::write_batch& batch,
                      std::span<auth::audit_entry> entries);

  /// The same for a chain that ends with it, and needs no head from then on.
  std::uint64_t close_for_good(persistence::write_batch& batch);

  /// Takes over what a head says of anything but the audit chain.
  void set_contents(const persistence::scope_head& from);

  /// Tells the journal that entries are durable in the chain.
  void settle(std::uint64_t up_to);

  /// Adds or removes a record in one of the head's sets.
  void add(persistence::record_set& set, bytes_view key, bytes_view tag) const {
    set.add(*context_.fingerprint, key, tag);
  }
  void remove(persistence::record_set& set, bytes_view key,
              bytes_view tag) const {
    set.remove(*context_.fingerprint, key, tag);
  }

private:
  /// Names the scope in the entry, and seals it.
  bytes seal(auth::audit_entry& entry) const;
  void chain(persistence::write_batch& batch, bytes_view sealed);
  void chain_pending(persistence::write_batch& batch);

  ledger_context context_;
  persistence::scope_head head_;
  persistence::audit_journal& journal_;
  std::vector<persistence::journal_entry> pending_;
};

/// An entry of a chain as it was sealed. Fails with `corrupted`.
result<auth::audit_entry> open_entry(const ledger_context& context,
                                     bytes_view sealed);

/// Adds the first head of a new scope to a batch, with its registry.
void put_first_head(
  persistence::write_batch& batch, const persistence::scope_identity& identity,
  const std::vector<persistence::registry_addition>& registry);

/// Reads the head of a chain that may have none yet. Fails with `corrupted` if
/// it does not open.
result<persistence::scope_head> find_head(const ledger_context& context,
                                          const persistence::store& records);

/// Reads a head. Fails with `corrupted` if it is missing or does not open.
result<persistence::scope_head> read_head(const ledger_context& context,
                                          const persistence::store& records);

} // namespace cloister::engine
