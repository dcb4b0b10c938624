// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>

#include "engine/ledger.hpp"
#include "engine/step.hpp"

namespace cloister::engine {

/// Goes on with `then` where a step would answer: once its batch is durable, or
/// has failed, and what was left to be done behind the answer is done. Gets the
/// outcome, and the answer. A step that is no commit is handed on as it is.
inline step
after_commit(step sent,
             std::function<step(const result<void>&, step settled)> then) {
  auto pending = std::get_if<commit>(&sent.what);
  if (pending == nullptr)
    return sent;
  return commit{pending->batch,
                [settle = std::move(pending->then),
                 then = std::move(then)](const result<void>& outcome) -> step {
                  auto settled = settle(outcome);
                  if (auto left = std::exchange(settled.afterwards, nullptr))
                    left();
                  return then(outcome, std::move(settled));
                }};
}

/// What an engine counts of its batches.
struct batches_under_way {
  std::uint64_t generation = 0;
  std::uint64_t load = 0;
  std::size_t& in_flight;
  /// Set by one that fails: what the engine knows has to be read again.
  bool& stale;
};

/// Makes a batch durable with some audit entries, then goes on.
inline step
commit_entries(ledger& book, batches_under_way count,
               const std::shared_ptr<persistence::write_batch>& batch,
               std::span<auth::audit_entry> entries,
               std::function<step(const result<void>&)> then) {
  batch->set_generation(count.generation);
  batch->set_load(count.load);
  auto journaled = book.close(*batch, entries);
  ++count.in_flight;
  return commit{batch,
                [&book, count, journaled,
                 then = std::move(then)](const result<void>& outcome) -> step {
                  --count.in_flight;
                  if (outcome.has_error())
                    count.stale = true;
                  else
                    book.settle(journaled);
                  return then(outcome);
                }};
}

} // namespace cloister::engine
