// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/surviving_chain.hpp"

#include <algorithm>

#include "core/encoding.hpp"

namespace cloister::engine {

using persistence::record_kind;

result<void> surviving_chain::read(const persistence::store& records,
                                   const ledger_context& context,
                                   std::uint64_t expected_length) {
  auto visit = [&](bytes_view key, bytes_view value) {
    auto index = byte_reader{persistence::rest_of(key)}.u64();
    auto link = auth::decode_link(index, value);
    auto entry = link ? open_entry(context, link->sealed) : link.error();
    if (entry.has_error())
      return true;
    if (index != end_)
      note_gap(index - end_);
    end_ = index + 1;
    take(*entry);
    links_.push_back(std::move(*link));
    return true;
  };
  auto done
    = records.scan(context.space.range(record_kind::audit_entry), {}, visit);
  if (done.has_error())
    return done;
  if (end_ < expected_length)
    note_gap(expected_length - end_);
  return {};
}

void surviving_chain::note_gap(std::uint64_t entries) {
  missing_ += entries;
  for (auto& [sequence, known] : live_)
    known.proven = false;
}

std::map<crypto::digest, auth::pseudonym> surviving_chain::without_end() const {
  auto out = begun_;
  for (const auto& beginning : ended_)
    out.erase(beginning);
  return out;
}

void surviving_chain::take(const auth::audit_entry& entry) {
  if (entry.anchor && entry.ended)
    ended_.insert(*entry.ended == persistence::scope_tag{}
                    ? entry.anchor->head
                    : auth::first_head(view_of(*entry.ended)));
  else if (entry.anchor && entry.anchor->length == 0)
    begun_[entry.anchor->head] = entry.anchor->child;
  if (entry.refused && entry.outcome == errc::ok) {
    auto& known = former_[entry.refused->name];
    auto again = entry.what == auth::operation::reinstate_scope;
    known.incarnation = std::max(known.incarnation, entry.refused->incarnation);
    known.at = again && known.at.milliseconds > 0 ? known.at : entry.at;
    known.refused = !again;
  }
  if (entry.outcome != errc::ok)
    return;
  if (entry.what == auth::operation::delete_all_memories)
    live_.clear();
  if (entry.what == auth::operation::revoke_key)
    revocations_.insert(entry.reason);
  if (entry.anchor)
    anchored_.insert(entry.anchor->child);
  for (const auto& effect : entry.effects) {
    last_sequence_ = std::max(last_sequence_, effect.sequence);
    if (effect.which == auth::audit_effect::kind::put)
      live_[effect.sequence] = {effect.revision, effect.tag, entry.at, true};
    else
      live_.erase(effect.sequence);
  }
}

} // namespace cloister::engine
