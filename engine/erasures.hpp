// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "engine/erased_tree.hpp"
#include "engine/ledger.hpp"
#include "engine/requests.hpp"
#include "engine/services.hpp"
#include "engine/step.hpp"
#include "persistence/erasure.hpp"

namespace cloister::engine {

/// Erases scopes directly below one scope (or the node), with all that lies
/// below them, on behalf of that one's engine. In this order, so that whatever
/// happens, it has not begun or is finished later:
///
/// 1. the intent, synced: from then on there is no way back;
/// 2. what lies below, some of it at a time: how it is found without its keys,
///    and where its audit chains end;
/// 3. the key, by which nothing of it opens any more, the tombstone, and the
///    entry that tells of it.
///
/// Space comes back later; see `reclaim_erasure`. Nobody may use the scope or
/// what lies below meanwhile: the directory has closed it. One thread at a
/// time.
class erasures {
public:
  /// What the owner lends. It outlives this, and so does what it refers to.
  struct owner {
    const services& with;
    /// None for the node.
    persistence::identity_ptr identity;
    ledger& book;
    /// The store's generation that the owner's state was read at.
    std::function<std::uint64_t()> generation;
    /// Makes a batch with these audit entries durable.
    std::function<step(std::shared_ptr<persistence::write_batch>,
                       std::vector<auth::audit_entry>,
                       std::function<step(const result<void>&)>)>
      commit;
    /// Audits a refusal, and answers it.
    std::function<step(auth::audit_entry, error)> refuse;
  };

  explicit erasures(owner lent) : lent_(std::move(lent)) {}

  /// Erases a child, or only begins to where copies come first. `ended` is
  /// called when this has come to an end.
  step begin(const erase_child& what, auth::audit_entry asked,
             std::function<void()> ended);

  /// Goes on with an erasure that was begun before, by its record.
  step finish(const finish_erasure& asked);

  /// For an engine that has ended: nothing is asked of it any more.
  void forget_identity() {
    lent_.identity.reset();
  }

private:
  struct run;
  struct slice;
  using run_ptr = std::shared_ptr<run>;

  step intend(const run_ptr& of);
  step list(const run_ptr& of);
  step listed(const run_ptr& of, const std::shared_ptr<slice>& found);
  step destroy(const run_ptr& of);
  step destroyed(const run_ptr& of,
                 const std::shared_ptr<persistence::write_batch>& batch,
                 const persistence::registry_change& changes);
  step failed(const run_ptr& of, error why);
  void forget_usage(const run_ptr& of);
  void end(const run_ptr& of);
  bool is_outdated(const persistence::write_batch& batch) const;

  owner lent_;
  /// Those under way.
  std::set<persistence::scope_tag> running_;
};

/// The node's records of erasures that were begun and not finished. May read
/// the disk. Those that are damaged are passed over.
result<std::vector<unfinished_erasure>> read_unfinished(const services& with);

/// Puts into `batch` how the space of some of what was erased is given back,
/// and the record of the erasure if that is all. Returns whether it is. Does
/// nothing where the keys are not destroyed yet. May read the disk.
result<bool> reclaim_erasure(const services& with,
                             const persistence::scope_tag& child,
                             persistence::write_batch& batch);

} // namespace cloister::engine
