// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/assert.hpp"
#include "core/json_text.hpp"
#include "core/limits.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"
#include "persistence/locator.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

namespace {

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

} // namespace

// -- create --

step scope_engine::create(const std::shared_ptr<request>& asked) {
  auto& what = std::get<create_memories>(asked->what);
  auto repeated = repeated_drafts(*asked);
  if (repeated.has_error())
    return refuse(*asked, repeated.error());
  std::vector<const std::vector<float>*> embeddings;
  for (std::size_t i = 0; i < what.drafts.size(); ++i)
    if (!(*repeated)[i].known)
      embeddings.push_back(&what.drafts[i].embedding);
  if (auto why = dimensions_refusal(embeddings))
    return refuse(*asked, std::move(*why));
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
  if (auto other = reserve(asked, growth_of(*asked, *repeated)))
    return std::move(*other);
  change made;
  made.entry = entry_of(*asked);
  stored_memories done;
  // Behind those that have an effect: events are read from the two in step.
  std::vector<memory_id> answered_again;
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
      answered_again.push_back(done.memories.back().id);
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
    if (value.origin)
      note_copy(made, *value.origin);
    made.entry.targets.push_back(value.id);
    done.created.push_back(!old || expired);
    // A copy is not what the caller sent.
    if (!what.origins.empty())
      value = shown_to(*asked, std::move(value), {});
    done.memories.push_back(std::move(value));
  }
  made.entry.targets.insert(made.entry.targets.end(), answered_again.begin(),
                            answered_again.end());
  made.entry.count = static_cast<std::uint32_t>(done.memories.size());
  if (made.becomes.rows.empty() && made.becomes.idempotency_dropped.empty()) {
    made.entry.reason = "repeated request";
    return answered(std::move(made.entry), std::move(done));
  }
  return submit(std::move(made), std::move(done));
}

memory scope_engine::memory_from(const memory_draft& draft,
                                 const request& asked, timestamp now) const {
  auto value = shaped(draft, asked, now);
  value.id = persistence::make_memory_id(identity_->organization->id,
                                         identity_->tag, now);
  // 34 random bits within one millisecond: a collision is unlikely, not
  // impossible.
  while (memories_.find(value.id) || tentative_.contains(value.id))
    value.id = persistence::make_memory_id(identity_->organization->id,
                                           identity_->tag, now);
  return value;
}

/// All of it but the id.
memory scope_engine::shaped(const memory_draft& draft, const request& asked,
                            timestamp now) {
  memory value;
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

std::optional<error> scope_engine::dimensions_refusal(
  const std::vector<const std::vector<float>*>& all) const {
  std::optional<std::size_t> agreed;
  if (!clearing_)
    agreed = memories_.dimensions();
  for (const auto* each : all) {
    if (each->empty())
      continue;
    if (!agreed)
      agreed = each->size();
    if (*agreed != each->size())
      return error{errc::invalid_argument,
                   "the embeddings of a scope have one dimension, here "
                     + std::to_string(*agreed) + "; this one has "
                     + std::to_string(each->size())};
  }
  return std::nullopt;
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
  if (what.patch.embedding)
    if (auto why = dimensions_refusal({&*what.patch.embedding}))
      return refuse(*asked, std::move(*why), {what.id});
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
  if (auto other = reserve(asked, growth_of(*old, *value), {what.id}))
    return std::move(*other);
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
                  {errc::not_found, "the memory has no such old revision; see "
                                    "its history"},
                  {what.id});
  auto old = std::make_shared<result<memory>>(error{});
  auto work = [old, sequence, revision = what.revision, identity = identity_,
               records = source()] {
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
  if (auto other = reserve(asked, growth_of(*now, value), {what.id}))
    return std::move(*other);
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

} // namespace cloister::engine
