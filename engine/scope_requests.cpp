// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Idempotency: requests that were answered before are known by their keys.

#include <bit>
#include <set>

#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"

namespace cloister::engine {

using persistence::record_kind;

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
result<std::vector<repeated_draft>>
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
                   "this idempotency key was used for another memory; use a "
                   "new one"};
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
  auto sealed = seal_record(*identity_, key, encode_idempotency(record));
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

} // namespace cloister::engine
