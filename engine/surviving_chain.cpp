// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/surviving_chain.hpp"

#include <algorithm>
#include <utility>

#include "core/encoding.hpp"
#include "engine/chain_start.hpp"

namespace cloister::engine {

using persistence::record_kind;

namespace {

bool tells_a_fact(const auth::audit_entry& entry) {
  return entry.anchor || entry.refused
         || entry.what == auth::operation::revoke_key;
}

} // namespace

result<void> surviving_chain::read(const services& with,
                                   const ledger_context& context,
                                   std::uint64_t expected_length) {
  // Without a genuine stub nobody knows whether those entries were pruned.
  auto stub = read_stub(with, context);
  if (stub.has_error() && stub.error().code == errc::unavailable)
    return stub.error();
  if (stub)
    stub_ = *stub;
  end_ = stub_ ? stub_->from : 0;
  auto keep = [this](const auth::audit_entry& entry, std::uint64_t index) {
    take_effects(entry);
    if (tells_a_fact(entry))
      facts_.emplace_back(index, entry);
  };
  auto visit = [&](bytes_view key, bytes_view value) {
    auto index = byte_reader{persistence::rest_of(key)}.u64();
    if (stub_ && index < stub_->from) {
      stale_.push_back(index);
      return true;
    }
    auto link = auth::decode_link(index, value);
    auto entry = link ? open_entry(context, link->sealed) : link.error();
    if (entry.has_error())
      return true;
    if (index != end_)
      note_gap(index - end_);
    end_ = index + 1;
    // One that cannot be read is missing.
    if (auth::visit_told(*entry, index, keep).has_error())
      note_gap(1);
    links_.push_back(std::move(*link));
    return true;
  };
  auto done = with.records.scan(context.space.range(record_kind::audit_entry),
                                {}, visit);
  if (done.has_error())
    return done;
  if (end_ < expected_length)
    note_gap(expected_length - end_);
  take_facts();
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

/// Of several that tell of one thing the last counts; what was taken over from
/// pruned entries is told behind what is later.
void surviving_chain::take_facts() {
  std::stable_sort(
    facts_.begin(), facts_.end(),
    [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [index, entry] : std::exchange(facts_, {})) {
    if (entry.anchor && entry.ended)
      ended_.insert(*entry.ended == persistence::scope_tag{}
                      ? entry.anchor->head
                      : auth::first_head(view_of(*entry.ended)));
    else if (entry.anchor && entry.anchor->length == 0)
      begun_[entry.anchor->head] = entry.anchor->child;
    if (entry.outcome != errc::ok)
      continue;
    if (entry.refused) {
      auto& known = former_[entry.refused->name];
      auto again = entry.what == auth::operation::reinstate_scope;
      known.incarnation
        = std::max(known.incarnation, entry.refused->incarnation);
      known.at = again && known.at.milliseconds > 0 ? known.at : entry.at;
      known.refused = !again;
      if (!again)
        known.with_copies = entry.contents && entry.contents->copies.left == 0;
    }
    if (entry.what == auth::operation::revoke_key)
      revocations_.insert(entry.reason);
    if (entry.anchor)
      anchored_.insert(entry.anchor->child);
  }
}

void surviving_chain::take_effects(const auth::audit_entry& entry) {
  if (entry.outcome != errc::ok)
    return;
  if (entry.what == auth::operation::delete_all_memories)
    live_.clear();
  for (const auto& effect : entry.effects) {
    last_sequence_ = std::max(last_sequence_, effect.sequence);
    if (effect.which == auth::audit_effect::kind::put)
      live_[effect.sequence] = {effect.revision, effect.tag, entry.at, true};
    else
      live_.erase(effect.sequence);
  }
}

} // namespace cloister::engine
