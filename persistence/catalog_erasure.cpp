// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What the catalog knows of names that were erased, and does to erase them.

#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "persistence/catalog.hpp"
#include "persistence/catalog_records.hpp"

namespace cloister::persistence {

bytes catalog::tombstone_rest(const identity_ptr& parent,
                              std::string_view segment) const {
  auto hash = crypto::keyed_short_hash(
    tag_key_of(parent), {"tombstone", view_of(tag_of_parent(parent)), segment});
  return bytes{view_of(hash)};
}

result<catalog::incarnation_state>
catalog::incarnation_of(const identity_ptr& parent,
                        std::string_view segment) const {
  auto rest = tombstone_rest(parent, segment);
  auto own
    = tombstone_at(parent, space_of(parent).key(record_kind::tombstone, rest));
  if (own.has_error() || !heeds_erased_names_.load(std::memory_order_acquire))
    return own;
  auto listed = read_erased_name(*node_, records_, tag_of_parent(parent),
                                 byte_reader{rest}.array<16>());
  if (listed.has_error())
    return listed.error();
  if (!*listed || (*listed)->incarnation + 1 < own->incarnation)
    return own;
  return incarnation_state{(*listed)->incarnation + 1, (*listed)->refused,
                           (*listed)->erased_at, (*listed)->with_copies};
}

result<std::vector<erased_name>>
catalog::erased_names_of(const identity_ptr& parent) const {
  std::vector<erased_name> out;
  result<void> failure;
  auto done
    = records_.scan(space_of(parent).range(record_kind::tombstone), {},
                    [&](bytes_view key, bytes_view) {
                      erased_name one;
                      one.parent = tag_of_parent(parent);
                      one.name = byte_reader{rest_of(key)}.array<16>();
                      auto at = tombstone_at(
                        parent, space_of(parent).key(record_kind::tombstone,
                                                     view_of(one.name)));
                      if (at.has_error()) {
                        failure = at.error();
                        return false;
                      }
                      one.incarnation = at->incarnation - 1;
                      one.refused = at->refused;
                      one.erased_at = at->erased;
                      one.with_copies = at->with_copies;
                      // Passed over, since something had the tag: that was no
                      // erasure.
                      if (one.erased_at.milliseconds != 0)
                        out.push_back(one);
                      return true;
                    });
  if (done.has_error() || failure.has_error())
    return done.has_error() ? done.error() : failure.error();
  return out;
}

result<catalog::incarnation_state>
catalog::tombstone_at(const identity_ptr& parent,
                      const storage_key& key) const {
  auto sealed = records_.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return incarnation_state{};
  auto former = open_tombstone(control_of(parent), key, **sealed);
  if (former.has_error())
    return former.error();
  return incarnation_state{former->incarnation + 1, former->refused,
                           former->erased, former->with_copies};
}

result<std::optional<child_entry>>
catalog::entry_of(const identity_ptr& parent, const scope_tag& tag) const {
  auto key = space_of(parent).key(record_kind::child, view_of(tag));
  auto sealed = records_.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return std::optional<child_entry>{};
  auto entry = open_entry(control_of(parent), key, **sealed);
  if (entry.has_error())
    return entry.error();
  return std::optional{child_entry{entry->slot, entry->incarnation}};
}

result<scope_tag> catalog::current_tag_of(const identity_ptr& parent,
                                          std::string_view segment) const {
  auto state = incarnation_of(parent, segment);
  if (state.has_error())
    return state.error();
  if (state->refused)
    return refused_error(kind_of_segment(segment).value_or(scope_kind::org));
  return tag_of(parent, segment, state->incarnation);
}

result<std::uint32_t>
catalog::current_incarnation_of(const identity_ptr& parent,
                                std::string_view segment) const {
  auto state = incarnation_of(parent, segment);
  if (state.has_error())
    return state.error();
  return state->incarnation;
}

result<registry_change> catalog::prepare_erasure(const identity_ptr& parent,
                                                 const scope_tag& tag,
                                                 const erasure& what,
                                                 write_batch& batch) const {
  registry_change out;
  if (what.scope.slot != unknown_slot)
    batch.write_slot({what.scope.slot, tag, {}, 0, 0});
  if (parent)
    erase_index_records(parent->partition, parent->root().tag, tag,
                        what.scope.pseudonym, batch);
  auto note_former = [&](const storage_key& key) -> result<void> {
    auto old = records_.get(key);
    if (old.has_error())
      return old.error();
    if (*old)
      out.removals.push_back({bytes{key.view()}, bytes{crypto::tag_of(**old)}});
    return {};
  };
  auto entry = space_of(parent).key(record_kind::child, view_of(tag));
  auto tombstone
    = space_of(parent).key(record_kind::tombstone, view_of(what.name));
  if (auto done = note_former(entry); done.has_error())
    return done.error();
  batch.erase(entry);
  if (!parent) {
    auto disabled = node_->space().key(record_kind::disabled, view_of(tag));
    if (auto done = note_former(disabled); done.has_error())
      return done.error();
    batch.erase(disabled);
  }
  // An entry of a former scope that came back must not take the name from who
  // has it now.
  auto former = tombstone_at(parent, tombstone);
  if (former.has_error() && former.error().code != errc::corrupted)
    return former.error();
  if (former && former->incarnation > what.incarnation)
    return out;
  if (auto done = note_former(tombstone); done.has_error())
    return done.error();
  auto sealed
    = seal_tombstone(control_of(parent), tombstone,
                     {what.incarnation, true, what.at, what.with_copies});
  out.additions.push_back(
    {bytes{tombstone.view()}, bytes{crypto::tag_of(sealed)}});
  batch.put(tombstone, std::move(sealed));
  return out;
}

void catalog::erase_index_records(partition_id partition,
                                  const scope_tag& organization,
                                  const scope_tag& tag,
                                  const scope_pseudonym& pseudonym,
                                  write_batch& batch) {
  key_space root{partition, organization};
  batch.erase(root.key(record_kind::locator, view_of(tag)));
  batch.erase(root.key(record_kind::pseudonym, view_of(pseudonym)));
}

bool catalog::is_tombstone_of(const identity_ptr& parent,
                              const storage_key& key, std::uint32_t incarnation,
                              bool refused) const {
  auto there = tombstone_at(parent, key);
  if (there.has_error() || there->incarnation == 1)
    return false;
  return there->incarnation - 1 > incarnation
         || (there->incarnation - 1 == incarnation
             && there->refused == refused);
}

bytes catalog::tombstone_of(const identity_ptr& parent, const storage_key& key,
                            const erased_name& what) const {
  return seal_tombstone(
    control_of(parent), key,
    {what.incarnation, what.refused, what.erased_at, what.with_copies});
}

result<reinstated_child>
catalog::prepare_reinstatement(const identity_ptr& parent,
                               std::string_view segment,
                               write_batch& batch) const {
  auto state = incarnation_of(parent, segment);
  if (state.has_error())
    return state.error();
  if (!state->refused)
    return error{errc::conflict,
                 "this scope's name is not refused; it can be used"};
  reinstated_child out;
  out.name = name_hash(parent, segment);
  out.incarnation = state->incarnation - 1;
  batch.erase(key_of(*node_, {tag_of_parent(parent), out.name}));
  auto key = space_of(parent).key(record_kind::tombstone, view_of(out.name));
  auto old = records_.get(key);
  if (old.has_error())
    return old.error();
  if (*old)
    out.changes.removals.push_back(
      {bytes{key.view()}, bytes{crypto::tag_of(**old)}});
  auto sealed = seal_tombstone(
    control_of(parent), key,
    {out.incarnation, false, state->erased, state->with_copies});
  out.changes.additions.push_back(
    {bytes{key.view()}, bytes{crypto::tag_of(sealed)}});
  batch.put(key, std::move(sealed));
  return out;
}

result<std::optional<timestamp>> catalog::erased_at(const scope& name) const {
  std::optional<timestamp> out;
  identity_ptr at;
  for (auto segment : name.segments()) {
    auto state = incarnation_of(at, segment);
    if (state.has_error())
      return state.error();
    if (state->incarnation > 1)
      out = std::max(out.value_or(state->erased), state->erased);
    auto child = open_child(at, tag_of(at, segment, state->incarnation));
    if (child.has_error() && child.error().code == errc::unavailable)
      return child.error();
    if (child.has_error())
      return out;
    at = *child;
  }
  return out;
}

result<std::optional<std::uint64_t>>
catalog::slot_of_damaged(const scope_tag& tag) const {
  return slots_.find(tag);
}

result<bool> catalog::owns_slot(const scope_tag& tag,
                                std::uint64_t slot) const {
  auto found = slots_.read(slot);
  if (found)
    return found->owner == tag;
  if (found.error().code == errc::erased)
    return false;
  return found.error();
}

std::array<std::uint8_t, 16>
catalog::name_hash(const identity_ptr& parent, std::string_view segment) const {
  return byte_reader{tombstone_rest(parent, segment)}.array<16>();
}

void catalog::forget(const scope_tag& tag) {
  std::lock_guard guard{mutex_};
  cache_.erase(std::string{view_of(tag)});
}

} // namespace cloister::persistence
