// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How a scope's records are moved to another data key while it is used, so that
// what was removed ends with the former one. The slot has both keys meanwhile:
// whatever happens, each record opens, and it is gone on with.

#include <algorithm>

#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "engine/after_commit.hpp"
#include "engine/index_checkpoint.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"

namespace cloister::engine {

using persistence::data_keys;
using persistence::data_keys_ptr;
using persistence::record_kind;

namespace {

/// Memories, with their old revisions, that one batch seals again.
constexpr std::size_t memories_at_once = 32;
constexpr std::size_t requests_at_once = 256;

/// A record as it was read.
struct read_record {
  /// 0 for the memory itself.
  std::uint32_t revision = 0;
  record_tag tag{};
  std::uint32_t epoch = 0;
  bytes plain;
};

struct read_memory {
  std::uint64_t sequence = 0;
  std::vector<std::uint32_t> revisions;
  std::vector<read_record> records;
};

result<std::optional<read_record>>
read_one(const services& with, const persistence::scope_identity& identity,
         const persistence::storage_key& key, std::uint32_t revision) {
  auto before = identity.keys.data->now();
  auto sealed = with.records.get(key);
  if (sealed.has_error())
    return sealed.error();
  // Removed meanwhile.
  if (!*sealed)
    return std::optional<read_record>{};
  auto plain = open_record(identity, *before, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  return std::optional{read_record{
    revision, tag_of(**sealed), crypto::epoch_of(**sealed), std::move(*plain)}};
}

result<void> read_all(const services& with,
                      const persistence::scope_identity& identity,
                      std::vector<read_memory>& memories) {
  auto space = identity.space();
  for (auto& each : memories) {
    each.revisions.insert(each.revisions.begin(), 0);
    for (auto revision : each.revisions) {
      auto key = revision == 0 ? space.key(record_kind::memory, each.sequence)
                               : space.revision_key(each.sequence, revision);
      auto record = read_one(with, identity, key, revision);
      if (record.has_error())
        return record.error();
      if (*record)
        each.records.push_back(std::move(**record));
    }
  }
  return {};
}

} // namespace

struct scope_engine::rekey_run {
  /// Of the new key.
  std::uint32_t epoch = 0;
  /// The entries by which it was due.
  std::vector<bytes> due;
  bool is_resumed = false;
  bool knows_requests = false;
  bool is_at_memories = false;
  /// Idempotency records that are still to be moved, and those that somebody
  /// was changing.
  std::vector<std::string> requests;
  std::vector<std::string> requests_again;
  std::vector<std::uint64_t> left;
  std::size_t next = 0;
  /// In this pass, of the former key; those that could not be moved, too.
  std::size_t found = 0;
  std::uint32_t moved = 0;
  std::vector<read_memory> some;
  result<void> read;
};

auth::audit_entry scope_engine::rekey_entry() const {
  auto entry = auth::audit_entry{};
  entry.at = with_.time->now();
  entry.request = auth::make_request_id();
  entry.principal = auth::principal_kind::system;
  entry.what = auth::operation::rekey_scope;
  return entry;
}

/// The first removal since the last time says when the key is due.
void scope_engine::note_purge(change& to) {
  auto removes
    = !to.becomes.history_dropped.empty() || to.becomes.cleared
      || std::any_of(to.becomes.rows.begin(), to.becomes.rows.end(),
                     [](const auto& row) { return row.removed && !row.row; });
  if (!removes || own_records_ || purge_noted_)
    return;
  purge_noted_ = with_.time->now() + with_.purge_within;
  with_.expiries.add(*to.batch, *identity_, rekey_sequence, *purge_noted_);
}

/// Writes data keys into the scope's slot; they hold from then on.
step scope_engine::write_data_keys(
  const data_keys_ptr& next,
  const std::shared_ptr<persistence::write_batch>& batch,
  std::vector<auth::audit_entry> entries,
  std::function<step(const result<void>&)> then) {
  auto slot = with_.catalog.data_slot(*identity_, *next);
  batch->set_effect(persistence::batch_effect::shrinks);
  batch->write_slot(std::move(slot.write));
  return commit_for_erasure(
    batch, std::move(entries),
    [this, next, under = slot.under,
     then = std::move(then)](const result<void>& outcome) mutable -> step {
      under.reset();
      // Of a failed one it is not known which ones the slot has: that is read
      // again before anything else is sealed.
      if (outcome)
        identity_->keys.data->become(next);
      return then(outcome);
    });
}

step scope_engine::rekey(std::vector<bytes> due) {
  // It is gone on with, or somebody deletes everything.
  if (rekey_ || barrier_ != nullptr || clearing_)
    return answer{deleted_count{0, false}};
  auto run = std::make_shared<rekey_run>();
  rekey_ = run;
  run->due = std::move(due);
  auto now = identity_->keys.data->now();
  run->epoch = now->epoch;
  // A former run was interrupted. It ends with the key of that time: what is
  // due by now may be of the one after it, and is for another run.
  if (now->previous) {
    run->due.clear();
    run->is_resumed = true;
    return rekey_pass(run);
  }
  ++run->epoch;
  auto next = std::make_shared<const data_keys>(
    data_keys{crypto::secret_key::random(), run->epoch, now->key.duplicate()});
  return write_data_keys(next, std::make_shared<persistence::write_batch>(), {},
                         [this, run](const result<void>& outcome) -> step {
                           if (outcome.has_error())
                             return rekey_failed(run, outcome.error());
                           purge_noted_.reset();
                           return rekey_pass(run);
                         });
}

step scope_engine::rekey_failed(const rekey_ptr& run, const error& why) {
  if (rekey_ == run)
    rekey_.reset();
  return why;
}

/// Whether the scope was read again meanwhile, or everything was deleted and
/// the key with it.
bool scope_engine::is_rekey_void(const rekey_ptr& run) const {
  return rekey_ != run || identity_->keys.data->now()->epoch != run->epoch;
}

step scope_engine::give_up_rekey(const rekey_ptr& run) {
  if (rekey_ == run)
    rekey_.reset();
  return answer{deleted_count{0, false}};
}

/// Looks at everything, behind what was sealed under the former key and is on
/// its way.
step scope_engine::rekey_pass(const rekey_ptr& run) {
  if (is_rekey_void(run))
    return give_up_rekey(run);
  if (barrier_ != nullptr || clearing_)
    return wait{[this, run] { return rekey_pass(run); }};
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  erase_checkpoint(*identity_, checkpoint_parts_, *batch);
  checkpoint_parts_ = 0;
  checkpoint_documents_ = 0;
  return commit_for_erasure(
    batch, {}, [this, run](const result<void>& outcome) -> step {
      if (outcome.has_error())
        return rekey_failed(run, outcome.error());
      // Not before: those that were on their way are among them by now.
      if (!std::exchange(run->knows_requests, true))
        for (const auto& [rest, record] : idempotency_)
          run->requests.push_back(rest);
      run->is_at_memories = false;
      run->left.clear();
      run->next = 0;
      run->found = 0;
      memories_.oldest_first(std::nullopt, [&](std::uint32_t row) {
        run->left.push_back(memories_.at(row).sequence);
        return true;
      });
      return reseal_requests(run);
    });
}

/// Idempotency records are at hand; each is moved once, since it is sealed anew
/// from then on. What somebody changes is looked at in the next pass: that may
/// fail.
step scope_engine::reseal_requests(const rekey_ptr& run) {
  if (is_rekey_void(run))
    return give_up_rekey(run);
  if (barrier_ != nullptr || clearing_)
    return wait{[this, run] { return reseal_requests(run); }};
  change made;
  auto& contents = ledger_.head().contents;
  while (!run->requests.empty()
         && made.becomes.idempotency_added.size() < requests_at_once) {
    auto rest = std::move(run->requests.back());
    run->requests.pop_back();
    if (tentative_requests_.contains(rest)) {
      run->requests_again.push_back(std::move(rest));
      continue;
    }
    auto found = idempotency_.find(rest);
    if (found == idempotency_.end())
      continue;
    auto key = identity_->space().key(record_kind::idempotency, rest);
    auto sealed
      = seal_record(*identity_, key, encode_idempotency(found->second));
    ledger_.remove(contents, key.view(), view_of(found->second.tag));
    auto again = found->second;
    again.tag = tag_of(sealed);
    ledger_.add(contents, key.view(), view_of(again.tag));
    made.batch->put(key, std::move(sealed));
    ++tentative_requests_[rest];
    made.becomes.idempotency_added.emplace_back(rest, again);
  }
  if (!made.becomes.idempotency_added.empty())
    return send_resealed(run, std::move(made));
  run->found += run->requests_again.size();
  run->requests = std::exchange(run->requests_again, {});
  run->is_at_memories = true;
  return rekey_some(run);
}

step scope_engine::rekey_some(const rekey_ptr& run) {
  if (is_rekey_void(run))
    return give_up_rekey(run);
  if (barrier_ != nullptr || clearing_)
    return wait{[this, run] { return rekey_some(run); }};
  if (run->next == run->left.size())
    return run->found == 0 ? rekey_done(run) : rekey_pass(run);
  run->some.clear();
  for (; run->next < run->left.size() && run->some.size() < memories_at_once;
       ++run->next) {
    read_memory one{run->left[run->next], {}, {}};
    if (auto old = history_.find(one.sequence); old != history_.end())
      for (const auto& revision : old->second)
        one.revisions.push_back(revision.revision);
    run->some.push_back(std::move(one));
  }
  auto work = [run, identity = identity_, with = with_] {
    run->read = read_all(with, *identity, run->some);
  };
  return offload{work, [this, run]() -> step {
                   if (run->read.has_error())
                     return rekey_failed(run, run->read.error());
                   return reseal(run);
                 }};
}

step scope_engine::reseal(const rekey_ptr& run) {
  if (needs_reload())
    return rekey_failed(run, being_read_again());
  // What was read is read again: nothing of it was moved.
  if (is_rekey_void(run) || barrier_ != nullptr || clearing_) {
    run->next -= run->some.size();
    return rekey_some(run);
  }
  change made;
  for (std::size_t at = 0; at < run->some.size(); ++at)
    reseal_memory(made, *run, at);
  for (const auto& each : run->some)
    if (std::any_of(
          each.records.begin(), each.records.end(),
          [&](const auto& record) { return record.epoch != run->epoch; }))
      ++run->found;
  run->moved += static_cast<std::uint32_t>(made.becomes.resealed.size());
  if (made.becomes.resealed.empty())
    return again{[this, run] { return rekey_some(run); }};
  return send_resealed(run, std::move(made));
}

/// Seals one memory and its old revisions again, unless somebody changes it: it
/// is looked at once more then.
void scope_engine::reseal_memory(change& to, const rekey_run& run,
                                 std::size_t at) {
  const auto& read = run.some[at];
  auto row = memories_.find_sequence(read.sequence);
  if (!row || read.records.empty() || read.records.front().revision != 0
      || tentative_.contains(memories_.at(*row).id)
      || memories_.at(*row).tag != read.records.front().tag
      || std::all_of(read.records.begin(), read.records.end(),
                     [&](const auto& one) { return one.epoch == run.epoch; }))
    return;
  const auto& known = memories_.at(*row);
  effects::resealed_memory again{known.id, read.sequence, known.tag, {}};
  auto& contents = ledger_.head().contents;
  auto space = identity_->space();
  auto history = current_history(read.sequence);
  for (const auto& record : read.records) {
    if (record.epoch == run.epoch)
      continue;
    auto is_memory = record.revision == 0;
    auto old = std::find_if(history.begin(), history.end(), [&](const auto& h) {
      return h.revision == record.revision;
    });
    if (!is_memory && (old == history.end() || old->tag != record.tag))
      continue;
    auto key = is_memory ? space.key(record_kind::memory, read.sequence)
                         : space.revision_key(read.sequence, record.revision);
    auto sealed = seal_record(*identity_, key, record.plain);
    auto tag = tag_of(sealed);
    ledger_.remove(contents, key.view(), view_of(record.tag));
    ledger_.add(contents, key.view(), view_of(tag));
    to.batch->put(key, std::move(sealed));
    if (is_memory) {
      again.tag = tag;
      to.entry.effects.push_back(
        {auth::audit_effect::kind::put, read.sequence, known.revision, tag});
    } else {
      old->tag = tag;
      again.revisions.push_back({record.revision, tag});
    }
  }
  auto& t = touch(known.id, read.sequence);
  t.erased = false;
  t.sequence = read.sequence;
  t.revision = known.revision;
  t.tag = again.tag;
  t.record = read.records.front().plain;
  t.history = std::move(history);
  to.becomes.resealed.push_back(std::move(again));
}

step scope_engine::send_resealed(const rekey_ptr& run, change made) {
  if (needs_reload()) {
    stale_ = true;
    settle_tentative(made.becomes);
    return rekey_failed(run, being_read_again());
  }
  auto entry = rekey_entry();
  entry.effects = std::move(made.entry.effects);
  entry.count = static_cast<std::uint32_t>(made.becomes.resealed.size());
  return after_commit(send(std::move(made), &entry, nothing{}),
                      [this, run](const result<void>& outcome, step) -> step {
                        if (outcome.has_error())
                          return rekey_failed(run, outcome.error());
                        return again{[this, run] { return rekey_on(run); }};
                      });
}

step scope_engine::rekey_on(const rekey_ptr& run) {
  return run->is_at_memories ? rekey_some(run) : reseal_requests(run);
}

void scope_engine::apply_resealed(effects& becomes) {
  for (const auto& each : becomes.resealed) {
    if (auto row = memories_.find_sequence(each.sequence))
      memories_.set_tag(*row, each.tag);
    auto history = history_.find(each.sequence);
    if (history == history_.end())
      continue;
    for (auto& old : history->second)
      for (const auto& again : each.revisions)
        if (old.revision == again.revision)
          old.tag = again.tag;
  }
}

/// Nothing is under the former key any more: it is destroyed.
step scope_engine::rekey_done(const rekey_ptr& run) {
  auto now = identity_->keys.data->now();
  auto alone = std::make_shared<const data_keys>(
    data_keys{now->key.duplicate(), now->epoch, std::nullopt});
  auto batch = std::make_shared<persistence::write_batch>();
  for (const auto& rest : run->due)
    with_.expiries.remove(*batch, rest);
  auto entry = rekey_entry();
  entry.count = run->moved;
  entry.reason = "the former data key was destroyed";
  return write_data_keys(alone, batch, {entry},
                         [this, run](const result<void>& outcome) -> step {
                           if (rekey_ == run)
                             rekey_.reset();
                           if (outcome.has_error())
                             return outcome.error();
                           ++with_.counters->data_keys_replaced;
                           return answer{deleted_count{0, !run->is_resumed}};
                         });
}

} // namespace cloister::engine
