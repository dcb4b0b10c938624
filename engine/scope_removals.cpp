// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <set>

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "engine/after_commit.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"

namespace cloister::engine {

using persistence::record_kind;

namespace {

constexpr std::size_t own_expiries_at_once = 1000;

} // namespace

step scope_engine::remove(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<delete_memory>(asked->what);
  if (auto fetch = fetch_missing(asked, rows_to_cache(what.id)))
    return std::move(*fetch);
  auto old = current(what.id);
  if (!old || is_expired(old->record, with_.time->now()))
    return refuse(*asked, no_such_memory(), {what.id});
  if (what.if_revision && *what.if_revision != old->revision)
    return refuse(*asked, revision_conflict(old->revision), {what.id});
  change made;
  made.batch->set_effect(persistence::batch_effect::shrinks);
  made.entry = entry_of(*asked);
  made.entry.count = 1;
  drop(made, what.id, *old);
  return submit(std::move(made), deleted_count{1});
}

step scope_engine::remove_all(const std::shared_ptr<request>& asked) {
  // Everything that is there by now goes; a change in flight would be missed.
  if (in_flight_ > 0) {
    barrier_ = asked.get();
    return wait{[this, asked] { return run(asked); }};
  }
  // Until its key is another one, too: nothing must be sealed under that.
  barrier_ = own_records_ ? nullptr : asked.get();
  change made;
  made.batch->set_effect(persistence::batch_effect::shrinks);
  made.entry = entry_of(*asked);
  auto space = identity_->space();
  std::uint64_t count = 0;
  memories_.newest_first(std::nullopt, [&](std::uint32_t at) {
    const auto& row = memories_.at(at);
    made.batch->erase(space.key(record_kind::memory, row.sequence));
    if (row.expires_at != 0)
      with_.expiries.remove(*made.batch, *identity_, row.sequence,
                            timestamp{row.expires_at});
    count += is_live(row) ? 1u : 0u;
    return true;
  });
  for (const auto& [sequence, revisions] : history_)
    for (const auto& revision : revisions)
      made.batch->erase(space.revision_key(sequence, revision.revision));
  for (const auto& [rest, record] : idempotency_)
    made.batch->erase(space.key(record_kind::idempotency, rest));
  auto& head = ledger_.head();
  head.contents = {};
  head.memory_count = 0;
  head.content_bytes = 0;
  made.entry.count = static_cast<std::uint32_t>(count);
  made.becomes.cleared = true;
  clearing_ = true;
  auto sent = submit(std::move(made), deleted_count{count});
  if (!std::holds_alternative<commit>(sent.what))
    barrier_ = nullptr;
  return after_commit(
    std::move(sent),
    [this, asked, count](const result<void>& outcome, step settled) {
      return removed_all(asked, count, outcome, std::move(settled));
    });
}

/// Nothing is left that the data key has sealed: what the disk still has of it
/// ends with the key.
step scope_engine::removed_all(const std::shared_ptr<request>& asked,
                               std::uint64_t count, const result<void>& outcome,
                               step settled) {
  if (outcome.has_error()) {
    barrier_ = nullptr;
    return settled;
  }
  auto fresh
    = std::make_shared<const persistence::data_keys>(persistence::data_keys{
      crypto::secret_key::random(), identity_->keys.data->now()->epoch + 1,
      std::nullopt});
  auto batch = std::make_shared<persistence::write_batch>();
  if (auto due = std::exchange(purge_noted_, std::nullopt))
    with_.expiries.remove(*batch, *identity_, rekey_sequence, *due);
  return write_data_keys(
    fresh, batch, {}, [this, asked, count](const result<void>& done) -> step {
      barrier_ = nullptr;
      if (done)
        ++with_.counters->data_keys_replaced;
      if (done.has_error())
        return error{errc::unavailable,
                     "everything was deleted, but its key "
                     "could not be destroyed; try again",
                     limits::overload_retry_hint};
      return answer{deleted_count{count}};
    });
}

/// An ephemeral session's memories are in no index of what expires: it looks
/// for those that are due itself, and tells when the next one is.
void scope_engine::look_for_own_due(expire_memories& what) {
  std::optional<std::int64_t> next;
  memories_.newest_first(std::nullopt, [&](std::uint32_t at) {
    const auto& row = memories_.at(at);
    if (!is_live(row) && what.entries.size() < own_expiries_at_once)
      what.entries.push_back({row.sequence, {}});
    else if (row.expires_at != 0)
      next = std::min(next.value_or(row.expires_at), row.expires_at);
    return true;
  });
  if (next)
    with_.sessions->note_expiry(identity_->name, {*next});
}

step scope_engine::expire(const std::shared_ptr<request>& asked) {
  auto& what = std::get<expire_memories>(asked->what);
  if (own_records_ && what.entries.empty())
    look_for_own_due(what);
  std::vector<bytes> purges;
  for (const auto& entry : what.entries)
    if (entry.sequence == rekey_sequence)
      purges.push_back(entry.index_rest);
  if (!purges.empty() && purges.size() == what.entries.size())
    return rekey(std::move(purges));
  // Stores of old have an entry for each revision: once is enough.
  std::set<std::uint32_t> rows;
  std::vector<bytes_view> settled;
  // What is due is removed first.
  auto all = purges.empty();
  for (const auto& entry : what.entries) {
    if (entry.sequence == rekey_sequence)
      continue;
    auto row = memories_.find_sequence(entry.sequence);
    // What is being changed, or is not due after all, is for a later round.
    auto busy = clearing_
                || (row ? is_live(memories_.at(*row))
                            || tentative_.contains(memories_.at(*row).id)
                        : in_flight_ > 0);
    all = all && !busy;
    if (busy)
      continue;
    settled.push_back(entry.index_rest);
    if (row)
      rows.insert(*row);
  }
  if (settled.empty())
    return answer{deleted_count{0, all}};
  std::vector<std::uint32_t> due{rows.begin(), rows.end()};
  if (auto fetch = fetch_missing(asked, due))
    return std::move(*fetch);
  change made;
  made.batch->set_effect(persistence::batch_effect::shrinks);
  made.entry = entry_of(*asked);
  made.entry.count = static_cast<std::uint32_t>(due.size());
  for (auto row : due) {
    auto id = memories_.at(row).id;
    drop(made, id, *current(id));
  }
  for (auto rest : settled)
    with_.expiries.remove(*made.batch, rest);
  return after_commit(
    submit(std::move(made), deleted_count{due.size(), all}),
    [this, count = due.size()](const result<void>& outcome, step answered) {
      if (outcome)
        with_.counters->memories_expired += count;
      return answered;
    });
}

} // namespace cloister::engine
