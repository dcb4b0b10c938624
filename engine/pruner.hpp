// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "engine/erasures.hpp"
#include "engine/memory_table.hpp"
#include "engine/prunable.hpp"

namespace cloister::engine {

/// Prunes audit chains on behalf of one engine: its own, and those whose ends
/// its own tells. One batch removes some of the oldest entries, moves the
/// stub that stands for them, and adds an entry that tells of it and takes over
/// what is needed of them. So a chain verifies after each batch, and whatever
/// stops a pruning, the next one goes on. One thread at a time.
class pruner {
public:
  /// The tag that the record with a sequence has now, if it is there.
  using current_tag = std::function<std::optional<record_tag>(std::uint64_t)>;
  /// Whether nothing is in flight that an entry might tell of; if not, nothing
  /// more begins until this is asked again.
  using enter = std::function<bool()>;

  pruner(erasures::owner lent, current_tag now)
    : lent_(std::move(lent)), current_tag_(std::move(now)) {}

  /// Answers `pruned_entries`. Fails with `corrupted` where entries do not
  /// verify: then nothing goes.
  step prune(const prune_chain& what, auth::audit_entry entry, enter when);

  /// Answers `ended_chains`.
  step list_ended(const list_ended_chains& what, auth::audit_entry entry);

  /// For an engine that has ended.
  void forget_identity() {
    lent_.identity.reset();
  }

private:
  struct run;
  step put(const std::shared_ptr<run>& of);
  step commit_of(const std::shared_ptr<run>& of);
  step stop(const std::shared_ptr<run>& of, error why);
  void take_over_effects(run& of) const;

  erasures::owner lent_;
  current_tag current_tag_;
  /// Two that were read from one stub must not both be written.
  bool is_running_ = false;
};

} // namespace cloister::engine
