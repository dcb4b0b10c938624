// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <bit>
#include <set>

#include "core/assert.hpp"
#include "core/json_text.hpp"
#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"
#include "persistence/locator.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

using persistence::record_kind;

namespace {

record_tag tag_of(bytes_view sealed) {
  return byte_reader{crypto::tag_of(sealed)}.array<16>();
}

/// Records write "never" as 0: the one millisecond of that number is the next.
std::optional<timestamp> storable_expiry(std::optional<timestamp> at) {
  if (at && at->milliseconds == 0)
    at->milliseconds = 1;
  return at;
}

error expiry_has_passed() {
  return {errc::invalid_argument,
          "expires_at lies in the past; delete the memory instead"};
}

error revision_conflict(std::uint32_t now) {
  return {errc::conflict, "the memory was changed meanwhile; it is at revision "
                            + std::to_string(now)};
}

} // namespace

// -- the state a change starts from --

std::optional<scope_engine::current_memory>
scope_engine::current(const memory_id& id) const {
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
  auto sealed = crypto::seal(identity_->keys.data, identity_->keys.data_epoch,
                             key.view(), record);
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
  if (made.expires_at)
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
  if (summary->expires_at)
    with_.expiries.remove(*to.batch, *identity_, old.sequence,
                          *summary->expires_at);
}

/// Replaces a memory and keeps what it was as an old revision.
void scope_engine::put_revision(change& to, const current_memory& old,
                                const memory& made) {
  auto sequence = old.sequence;
  auto old_key = identity_->space().key(record_kind::memory, sequence);
  auto history_key = identity_->space().revision_key(sequence, old.revision);
  auto sealed = crypto::seal(identity_->keys.data, identity_->keys.data_epoch,
                             history_key.view(), old.record);
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

// -- create --

/// What one API key chose means nothing to another; a file that is imported
/// again may be by somebody else.
std::string scope_engine::idempotency_rest(const request& asked,
                                           const std::string& key) const {
  auto imported = std::get<create_memories>(asked.what).skip_known;
  auto owner = view_of(asked.grant.who().id);
  auto hash = imported ? crypto::keyed_short_hash(identity_->keys.fingerprint,
                                                  {"idempotency", key})
                       : crypto::keyed_short_hash(identity_->keys.fingerprint,
                                                  {"request", owner, key});
  return std::string{view_of(hash)};
}

crypto::short_digest
scope_engine::draft_digest(const memory_draft& draft) const {
  bytes fixed;
  byte_writer writer{fixed};
  writer.string(draft.content);
  writer.string(draft.memory_type);
  writer.string(draft.metadata);
  writer.string(draft.key.value_or(""));
  writer.i64(draft.expires_at ? draft.expires_at->milliseconds : 0);
  writer.i64(draft.created_at ? draft.created_at->milliseconds : 0);
  for (auto part : draft.embedding)
    writer.u32(std::bit_cast<std::uint32_t>(part));
  return crypto::keyed_short_hash(identity_->keys.fingerprint,
                                  {"draft", fixed});
}

/// Which drafts were stored by an earlier request with the same idempotency
/// key, and in which rows. Fails if a key was used for something else.
result<std::vector<scope_engine::repeated_draft>>
scope_engine::repeated_drafts(const request& asked) const {
  const auto& what = std::get<create_memories>(asked.what);
  const auto& drafts = what.drafts;
  std::vector<repeated_draft> out(drafts.size());
  std::set<std::string> seen;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    if (!drafts[i].idempotency_key)
      continue;
    auto rest = idempotency_rest(asked, *drafts[i].idempotency_key);
    if (!seen.insert(rest).second)
      return error{errc::invalid_argument, "two memories of one request have "
                                           "the same idempotency key"};
    if (tentative_requests_.contains(rest))
      return error{errc::overloaded,
                   "the same request is being worked on; try again",
                   limits::overload_retry_hint};
    if (clearing_)
      continue;
    auto found = idempotency_.find(rest);
    if (found == idempotency_.end()
        || found->second.expires_at <= with_.time->now())
      continue;
    if (found->second.draft != draft_digest(drafts[i]))
      return error{errc::conflict,
                   "this idempotency key was used for another memory"};
    out[i].known = true;
    if (what.skip_known)
      continue;
    auto row = memories_.find(found->second.id);
    if (!row || !is_live(memories_.at(*row)))
      return error{errc::conflict, "this idempotency key was used for a memory "
                                   "that was deleted since"};
    out[i].row = row;
  }
  return out;
}

void scope_engine::remember_request(change& to, const request& asked,
                                    const memory_draft& draft,
                                    const memory_id& id) {
  if (!draft.idempotency_key)
    return;
  auto rest = idempotency_rest(asked, *draft.idempotency_key);
  auto key = identity_->space().key(record_kind::idempotency, rest);
  auto& contents = ledger_.head().contents;
  // An expired record of the same key is overwritten, unless this very change
  // has dropped it already.
  auto dropped = std::erase(to.becomes.idempotency_dropped, rest) > 0;
  if (auto old = idempotency_.find(rest);
      old != idempotency_.end() && !clearing_ && !dropped)
    ledger_.remove(contents, key.view(), view_of(old->second.tag));
  idempotency_record record{id,
                            draft_digest(draft),
                            with_.time->now() + draft.idempotency_lifetime,
                            {}};
  auto sealed = crypto::seal(identity_->keys.data, identity_->keys.data_epoch,
                             key.view(), encode_idempotency(record));
  record.tag = tag_of(sealed);
  ledger_.add(contents, key.view(), view_of(record.tag));
  to.batch->put(key, std::move(sealed));
  ++tentative_requests_[rest];
  to.becomes.idempotency_added.emplace_back(rest, record);
}

/// Removes idempotency records whose time is over, a few with each change.
void scope_engine::drop_expired_requests(change& to) {
  constexpr std::size_t at_once = 8;
  auto now = with_.time->now();
  for (std::size_t i = 0; i < at_once && !clearing_; ++i) {
    auto due = request_expiries_.begin();
    if (due == request_expiries_.end() || due->first > now)
      return;
    auto rest = due->second;
    request_expiries_.erase(due);
    auto found = idempotency_.find(rest);
    // A newer request may have taken the record over.
    if (found == idempotency_.end() || found->second.expires_at > now
        || tentative_requests_.contains(rest))
      continue;
    auto key = identity_->space().key(record_kind::idempotency, rest);
    ledger_.remove(ledger_.head().contents, key.view(),
                   view_of(found->second.tag));
    to.batch->erase(key);
    to.becomes.idempotency_dropped.push_back(rest);
    ++tentative_requests_[rest];
  }
}

step scope_engine::create(const std::shared_ptr<request>& asked) {
  auto& what = std::get<create_memories>(asked->what);
  auto repeated = repeated_drafts(*asked);
  if (repeated.has_error())
    return refuse(*asked, repeated.error());
  // A request that was answered before is answered again.
  for (std::size_t i = 0; i < what.drafts.size(); ++i) {
    auto at = what.drafts[i].expires_at;
    if (!at || *at > with_.time->now() || (*repeated)[i].known)
      continue;
    if (!what.skip_known)
      return refuse(*asked, expiry_has_passed());
    (*repeated)[i].known = true;
  }
  std::vector<std::uint32_t> needed;
  for (const auto& each : *repeated)
    if (each.row)
      needed.push_back(*each.row);
  for (const auto& draft : what.drafts)
    if (draft.key)
      if (auto id = current_key(*draft.key))
        for (auto row : rows_to_cache(*id))
          needed.push_back(row);
  if (auto fetch = fetch_missing(asked, needed))
    return std::move(*fetch);
  change made;
  made.entry = entry_of(*asked);
  stored_memories done;
  auto now = with_.time->now();
  drop_expired_requests(made);
  for (std::size_t i = 0; i < what.drafts.size(); ++i) {
    const auto& draft = what.drafts[i];
    const auto& before = (*repeated)[i];
    if (before.known && !before.row)
      continue;
    if (before.row) {
      done.memories.push_back(
        shown_to(*asked, decoded(*before.row),
                 {draft.content, std::nullopt, draft.metadata, draft.embedding,
                  std::nullopt}));
      done.created.push_back(false);
      made.entry.targets.push_back(done.memories.back().id);
      continue;
    }
    auto value = memory_from(draft, *asked, now);
    if (i < what.origins.size())
      value.origin = what.origins[i];
    auto existing = draft.key ? current_key(*draft.key) : std::nullopt;
    auto old = existing ? current(*existing) : std::nullopt;
    auto expired = old && is_expired(old->record, now);
    if (expired)
      drop(made, *existing, *old);
    if (old && !expired) {
      value.id = *existing;
      value.revision = old->revision + 1;
      value.created_at = persistence::decode_summary(old->record)->created_at;
      put_revision(made, *old, value);
    } else {
      put_new(made, value);
    }
    remember_request(made, *asked, draft, value.id);
    made.entry.targets.push_back(value.id);
    done.created.push_back(!old || expired);
    // A copy is not what the caller sent.
    if (!what.origins.empty())
      value = shown_to(*asked, std::move(value), {});
    done.memories.push_back(std::move(value));
  }
  made.entry.count = static_cast<std::uint32_t>(done.memories.size());
  if (made.becomes.rows.empty() && made.becomes.idempotency_dropped.empty()) {
    made.entry.reason = "repeated request";
    return answered(std::move(made.entry), std::move(done));
  }
  return submit(std::move(made), std::move(done));
}

memory scope_engine::memory_from(const memory_draft& draft,
                                 const request& asked, timestamp now) const {
  memory value;
  value.id = persistence::make_memory_id(identity_->organization->id,
                                         identity_->tag, now);
  // 34 random bits within one millisecond: a collision is unlikely, not
  // impossible.
  while (memories_.find(value.id) || tentative_.contains(value.id))
    value.id = persistence::make_memory_id(identity_->organization->id,
                                           identity_->tag, now);
  value.content = draft.content;
  value.type = draft.memory_type;
  value.metadata = draft.metadata;
  value.key = draft.key;
  value.embedding = draft.embedding;
  value.author = asked.grant.who().name;
  value.created_at = draft.created_at.value_or(now);
  value.updated_at = draft.created_at.value_or(now);
  value.expires_at = storable_expiry(draft.expires_at);
  return value;
}

bool scope_engine::is_expired(bytes_view record, timestamp now) const {
  auto summary = persistence::decode_summary(record);
  return summary && summary->expires_at && *summary->expires_at <= now;
}

// -- update --

result<memory> scope_engine::patched(const memory& old,
                                     const memory_patch& patch,
                                     const request& asked) const {
  auto value = old;
  if (patch.content)
    value.content = *patch.content;
  if (patch.memory_type)
    value.type = *patch.memory_type;
  if (patch.embedding)
    value.embedding = *patch.embedding;
  if (patch.expires_at)
    value.expires_at = storable_expiry(*patch.expires_at);
  if (patch.metadata) {
    auto merged = merge_json_object(old.metadata, *patch.metadata);
    if (merged.has_error())
      return merged.error();
    if (merged->size() > limits::metadata_bytes_max)
      return error{errc::too_large,
                   "metadata exceeds 16 KiB; keep what is large in "
                   "the content"};
    value.metadata = std::move(*merged);
  }
  value.author = asked.grant.who().name;
  value.revision = old.revision + 1;
  value.updated_at = with_.time->now();
  return value;
}

step scope_engine::update(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<update_memory>(asked->what);
  if (what.patch.expires_at && *what.patch.expires_at
      && **what.patch.expires_at <= with_.time->now())
    return refuse(*asked, expiry_has_passed(), {what.id});
  if (auto fetch = fetch_missing(asked, rows_to_cache(what.id)))
    return std::move(*fetch);
  auto old = current(what.id);
  if (!old || is_expired(old->record, with_.time->now()))
    return refuse(*asked, no_such_memory(), {what.id});
  if (what.if_revision && *what.if_revision != old->revision)
    return refuse(*asked, revision_conflict(old->revision), {what.id});
  auto before = persistence::decode_memory(old->record);
  CLOISTER_ASSERT(before.has_value());
  auto value = patched(*before, what.patch, *asked);
  if (value.has_error())
    return refuse(*asked, value.error(), {what.id});
  change made;
  made.entry = entry_of(*asked);
  made.entry.targets = {what.id};
  made.entry.count = 1;
  put_revision(made, *old, *value);
  return submit(std::move(made),
                shown_to(*asked, std::move(*value), what.patch));
}

step scope_engine::restore(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<restore_memory>(asked->what);
  auto row = memories_.find(what.id);
  if (!row || !is_live(memories_.at(*row)))
    return refuse(*asked, no_such_memory(), {what.id});
  auto sequence = memories_.at(*row).sequence;
  auto found = history_.find(sequence);
  auto known = found != history_.end()
               && std::any_of(found->second.begin(), found->second.end(),
                              [&](const old_revision& r) {
                                return r.revision == what.revision;
                              });
  if (!known)
    return refuse(*asked,
                  {errc::not_found, "the memory has no such old "
                                    "revision"},
                  {what.id});
  auto old = std::make_shared<result<memory>>(error{});
  auto work = [old, sequence, revision = what.revision, identity = identity_,
               records = &with_.records] {
    *old = read_old_revision(*records, *identity, sequence, revision);
  };
  auto read_at = memories_.at(*row).revision;
  return offload{work, [this, asked, old, read_at] {
                   return restore_from(asked, *old, read_at);
                 }};
}

step scope_engine::restore_from(const std::shared_ptr<request>& asked,
                                const result<memory>& old,
                                std::uint32_t read_at) {
  const auto& what = std::get<restore_memory>(asked->what);
  // A change may have removed what was being read.
  if (old.has_error() && !is_unchanged_at(what.id, read_at))
    return wait{[this, asked] { return run(asked); }};
  if (old.has_error())
    return refuse(*asked, old.error(), {what.id});
  if (auto rows = rows_to_cache(what.id);
      !rows.empty() && memories_.at(rows.front()).record.empty())
    return *fetch_missing(asked, rows);
  auto now = current(what.id);
  if (!now || is_expired(now->record, with_.time->now()))
    return refuse(*asked, no_such_memory(), {what.id});
  auto value = *old;
  value.revision = now->revision + 1;
  value.author = asked->grant.who().name;
  value.updated_at = with_.time->now();
  value.expires_at = persistence::decode_summary(now->record)->expires_at;
  change made;
  made.entry = entry_of(*asked);
  made.entry.targets = {what.id};
  made.entry.count = 1;
  put_revision(made, *now, value);
  return submit(std::move(made), shown_to(*asked, std::move(value), {}));
}

/// What a change answers: whoever may not read gets back what it sent, and
/// nothing of what was there before.
memory scope_engine::shown_to(const request& asked, memory value,
                              const memory_patch& sent) {
  if (asked.grant.who().permissions.contains(auth::permission::read))
    return value;
  value.content = sent.content.value_or("");
  value.metadata = sent.metadata.value_or("{}");
  value.embedding
    = sent.embedding ? *sent.embedding : decltype(value.embedding){};
  return value;
}

// -- delete --

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
  barrier_ = nullptr;
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
  return submit(std::move(made), deleted_count{count});
}

step scope_engine::expire(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<expire_memories>(asked->what);
  // Stores of old have an entry for each revision: once is enough.
  std::set<std::uint32_t> rows;
  std::vector<bytes_view> settled;
  auto all = true;
  for (const auto& entry : what.entries) {
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
  return submit(std::move(made), deleted_count{due.size(), all});
}

} // namespace cloister::engine
