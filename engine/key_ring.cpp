// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/key_ring.hpp"

#include <algorithm>

#include "core/encoding.hpp"
#include "core/limits.hpp"

namespace cloister::engine {

void key_ring::put(auth::key_record record, const record_tag& tag) {
  auto& slot = entries_.try_emplace(record.id, entry{record, tag, nullptr})
                 .first->second;
  if (!slot.revoked)
    slot.revoked = revocations_->flag_of(view_of(record.id));
  if (record.revoked_at)
    slot.revoked->store(true, std::memory_order_release);
  for (const auto& narrowing : record.revoked_narrowings)
    revocations_->flag_of(view_of(narrowing.name))->store(true);
  slot.record = std::move(record);
  slot.tag = tag;
}

const key_ring::entry* key_ring::find(const auth::key_id& id) const {
  auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<const key_ring::entry*>
key_ring::lineage(const auth::key_id& id) const {
  std::vector<const entry*> out;
  for (std::optional wanted{id}; wanted;) {
    auto found = find(*wanted);
    if (found == nullptr || out.size() > limits::restrictions_max)
      return {};
    out.push_back(found);
    const auto& maker = found->record.maker;
    wanted = maker ? std::optional{maker->id} : std::nullopt;
  }
  return out;
}

std::size_t key_ring::live(timestamp now) const {
  return static_cast<std::size_t>(
    std::count_if(entries_.begin(), entries_.end(), [now](const auto& each) {
      const auto& record = each.second.record;
      return !record.revoked_at
             && (!record.expires_at || *record.expires_at > now);
    }));
}

std::vector<auth::key_record> key_ring::below(const scope& root) const {
  std::vector<auth::key_record> out;
  for (const auto& [id, known] : entries_)
    if (root.contains(known.record.root))
      out.push_back(known.record);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.created_at < b.created_at;
  });
  return out;
}

bytes key_record_rest(const crypto::secret_key& tag_key,
                      const auth::key_id& id) {
  auto hash = crypto::keyed_short_hash(tag_key, {"api key", view_of(id)});
  return bytes{view_of(hash)};
}

} // namespace cloister::engine
