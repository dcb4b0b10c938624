// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What changes are put together from: the state they start from, and records
// that come and go.

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

using persistence::record_kind;

// -- the state a change starts from --

std::optional<current_memory> scope_engine::current(const memory_id& id) const {
  auto flying = tentative_.find(id);
  if (flying != tentative_.end()) {
    const auto& t = flying->second;
    if (t.erased)
      return std::nullopt;
    return current_memory{t.sequence, t.revision, t.tag, t.record};
  }
  auto row = memories_.find(id);
  if (!row || clearing_)
    return std::nullopt;
  const auto& r = memories_.at(*row);
  return current_memory{r.sequence, r.revision, r.tag, r.record};
}

std::optional<memory_id>
scope_engine::current_key(const std::string& key) const {
  auto flying = tentative_keys_.find(key);
  if (flying != tentative_keys_.end())
    return flying->second;
  auto row = memories_.find_key(key);
  if (!row || clearing_)
    return std::nullopt;
  return memories_.at(*row).id;
}

/// The rows whose records a change of this memory needs at hand.
std::vector<std::uint32_t>
scope_engine::rows_to_cache(const memory_id& id) const {
  if (tentative_.contains(id))
    return {};
  auto row = memories_.find(id);
  return row ? std::vector<std::uint32_t>{*row} : std::vector<std::uint32_t>{};
}

std::vector<old_revision>
scope_engine::current_history(std::uint64_t sequence) const {
  auto found = history_.find(sequence);
  return found == history_.end() ? std::vector<old_revision>{} : found->second;
}

/// The tentative state of a memory, started from the committed one.
scope_engine::tentative& scope_engine::touch(const memory_id& id,
                                             std::uint64_t sequence) {
  auto [found, fresh] = tentative_.try_emplace(id);
  if (fresh && !clearing_)
    found->second.history = current_history(sequence);
  ++found->second.changes;
  return found->second;
}

// -- building blocks --

/// Seals a memory under its sequence number and notes what that changes.
void scope_engine::put_record(change& to, std::uint64_t sequence,
                              const memory& made,
                              std::optional<bytes> replaced) {
  auto record = persistence::encode_memory(made);
  auto key = identity_->space().key(record_kind::memory, sequence);
  auto sealed = seal_record(*identity_, key, record);
  auto tag = tag_of(sealed);
  ledger_.add(ledger_.head().contents, key.view(), view_of(tag));
  ledger_.head().content_bytes += record.size();
  to.batch->put(key, std::move(sealed));
  to.entry.effects.push_back(
    {auth::audit_effect::kind::put, sequence, made.revision, tag});
  auto& t = touch(made.id, sequence);
  t.erased = false;
  t.sequence = sequence;
  t.revision = made.revision;
  t.tag = tag;
  t.record = record;
  if (made.key)
    tentative_keys_[*made.key] = made.id;
  // What is in no store is in no index of it.
  if (made.expires_at && own_records_)
    with_.sessions->note_expiry(identity_->name, *made.expires_at);
  else if (made.expires_at)
    with_.expiries.add(*to.batch, *identity_, sequence, *made.expires_at);
  memory_row row{sequence,
                 made.id,
                 made.expires_at ? made.expires_at->milliseconds : 0,
                 made.revision,
                 type_hash(made.type),
                 tag,
                 std::move(record)};
  to.becomes.rows.push_back(
    {made.id, std::move(replaced), std::move(row), made.key});
}

void scope_engine::put_new(change& to, const memory& made) {
  auto sequence = ledger_.head().next_sequence++;
  ++ledger_.head().memory_count;
  put_record(to, sequence, made, std::nullopt);
}

/// Takes back what the expiry index has of a memory's state.
void scope_engine::forget_expiry(change& to, const current_memory& old) {
  auto summary = persistence::decode_summary(old.record);
  CLOISTER_ASSERT(summary.has_value());
  if (summary->expires_at && !own_records_)
    with_.expiries.remove(*to.batch, *identity_, old.sequence,
                          *summary->expires_at);
}

/// Replaces a memory and keeps what it was as an old revision.
void scope_engine::put_revision(change& to, const current_memory& old,
                                const memory& made) {
  auto sequence = old.sequence;
  auto old_key = identity_->space().key(record_kind::memory, sequence);
  auto history_key = identity_->space().revision_key(sequence, old.revision);
  auto sealed = seal_record(*identity_, history_key, old.record);
  auto tag = tag_of(sealed);
  auto& head = ledger_.head();
  ledger_.remove(head.contents, old_key.view(), view_of(old.tag));
  ledger_.add(head.contents, history_key.view(), view_of(tag));
  forget_expiry(to, old);
  head.content_bytes -= old.record.size();
  to.batch->put(history_key, std::move(sealed));
  to.becomes.history_added.emplace_back(sequence,
                                        old_revision{old.revision, tag});
  auto kept = old_revision{old.revision, tag};
  // `old` points into what is overwritten now.
  bytes replaced{old.record};
  put_record(to, sequence, made, std::move(replaced));
  auto& history = tentative_.at(made.id).history;
  history.push_back(kept);
  if (history.size() > limits::revisions_kept_max) {
    drop_revision(to, sequence, history.front());
    history.erase(history.begin());
  }
}

void scope_engine::drop_revision(change& to, std::uint64_t sequence,
                                 const old_revision& revision) {
  auto key = identity_->space().revision_key(sequence, revision.revision);
  ledger_.remove(ledger_.head().contents, key.view(), view_of(revision.tag));
  to.batch->erase(key);
  to.becomes.history_dropped.emplace_back(sequence, revision.revision);
}

/// Removes a memory with its history.
void scope_engine::drop(change& to, const memory_id& id,
                        const current_memory& old) {
  auto& head = ledger_.head();
  auto key = identity_->space().key(record_kind::memory, old.sequence);
  ledger_.remove(head.contents, key.view(), view_of(old.tag));
  --head.memory_count;
  head.content_bytes -= old.record.size();
  to.batch->erase(key);
  forget_expiry(to, old);
  to.entry.effects.push_back({auth::audit_effect::kind::erase, old.sequence,
                              old.revision, record_tag{}});
  auto& t = touch(id, old.sequence);
  for (const auto& revision : t.history)
    drop_revision(to, old.sequence, revision);
  t.history.clear();
  to.becomes.rows.push_back({id, bytes{old.record}, std::nullopt, {}});
  t.erased = true;
  t.record.clear();
  to.entry.targets.push_back(id);
}

} // namespace cloister::engine
