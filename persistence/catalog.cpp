// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/catalog.hpp"

#include "core/assert.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "persistence/catalog_records.hpp"
#include "persistence/rotation.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t index_version = 1;
constexpr std::size_t cache_sweep_at = 4096;

bytes be32(std::uint32_t value) {
  bytes out;
  byte_writer{out}.u32(value);
  return out;
}

bytes name_context(const scope_tag& tag) {
  bytes out{"name"};
  out.append(view_of(tag));
  return out;
}

bytes encode_tags(const std::vector<scope_tag>& tags) {
  bytes out;
  byte_writer writer{out};
  writer.u8(index_version);
  for (const auto& tag : tags)
    writer.raw(tag);
  return out;
}

result<std::vector<scope_tag>> decode_tags(bytes_view data) {
  byte_reader reader{data};
  if (reader.u8() != index_version || reader.rest().size() % 16 != 0)
    return error{errc::corrupted,
                 "an index entry is malformed or of an unknown version"};
  std::vector<scope_tag> tags;
  while (!reader.rest().empty())
    tags.push_back(reader.array<16>());
  return tags;
}

} // namespace

std::vector<scope_tag> tags_of(const scope_identity& identity) {
  std::vector<scope_tag> tags;
  for (auto at = &identity; at->parent; at = at->parent.get())
    tags.insert(tags.begin(), at->tag);
  return tags;
}

catalog::catalog(std::shared_ptr<const node_identity> node,
                 const store& records, key_slots& slots)
  : node_(std::move(node)), records_(records), slots_(slots) {}

result<scope_lookup> catalog::find(const scope& name) const {
  scope_lookup out;
  identity_ptr at;
  for (auto segment : name.segments()) {
    auto state = incarnation_of(at, segment);
    if (state.has_error())
      return state.error();
    if (state->refused)
      return refused_error(kind_of_segment(segment).value_or(scope_kind::org));
    auto child = open_child(at, tag_of(at, segment, state->incarnation));
    if (child.has_error() && child.error().code == errc::not_found) {
      if (at && is_minted_session(at, segment))
        return ended_session_error();
      out.nearest = at;
      return out;
    }
    if (child.has_error())
      return child.error();
    at = *child;
  }
  out.exact = at;
  out.nearest = at;
  return out;
}

result<identity_ptr> catalog::open_child(const identity_ptr& parent,
                                         const scope_tag& tag) const {
  if (auto known = cached(tag))
    return known;
  auto key = space_of(parent).key(record_kind::child, view_of(tag));
  auto sealed = records_.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return error{errc::not_found, "no such scope"};
  return decode_child(parent, tag, **sealed);
}

result<identity_ptr> catalog::decode_child(const identity_ptr& parent,
                                           const scope_tag& tag,
                                           bytes_view sealed) const {
  auto key = space_of(parent).key(record_kind::child, view_of(tag));
  auto entry = open_entry(control_of(parent), key, sealed);
  if (entry.has_error())
    return entry.error();
  auto slot = slots_.read(entry->slot);
  if (slot.has_error()) {
    if (slot.error().code == errc::not_found)
      return error{errc::corrupted,
                   "a scope's key is missing from the file `keys`, which was "
                   "cut off or replaced; restore it from a backup"};
    return slot.error();
  }
  // Destroyed, and used again since the entry was read.
  if (slot->owner != tag)
    return error{errc::erased, "the key was destroyed"};
  auto master
    = parent ? nullptr : node_->master->of_version(slot->master_version);
  if (!parent && !master)
    return error{errc::corrupted, "an organization's key is of another version "
                                  "of the master key"};
  auto keys = unwrapped_slot(parent ? parent->keys.wrapping : *master, *slot);
  if (keys.has_error())
    return keys.error();
  auto inner
    = crypto::open(keys->control, name_context(tag), entry->sealed_name);
  if (inner.has_error())
    return inner.error();
  byte_reader name_reader{*inner};
  auto pseudonym = name_reader.array<16>();
  auto segment = name_reader.rest();
  auto name = parent ? parent->name.child(segment) : scope::parse(segment);
  if (name.has_error())
    return error{errc::corrupted, "a scope's name is malformed"};
  auto partition = partition_of(parent, segment);
  auto made = std::make_shared<scope_identity>(scope_identity{
    std::move(*name), tag, partition, entry->incarnation, pseudonym,
    entry->created, entry->slot, std::move(*keys),
    parent ? parent->organization : nullptr,
    parent ? parent->settings : std::make_shared<shared_settings>(), parent});
  if (!parent) {
    auto organization = read_organization_keys(records_, *made);
    if (organization.has_error())
      return organization.error();
    made->organization = std::move(*organization);
    if (auto read = read_settings(records_, *made); read.has_error())
      return read.error();
  }
  return remember(std::move(made));
}

result<identity_ptr> catalog::organization_at(bytes_view locator) const {
  auto prefix = node_->space().range(record_kind::child) + bytes{locator};
  std::optional<scope_tag> tag;
  auto done = records_.scan(prefix, {}, [&tag](bytes_view key, bytes_view) {
    tag = byte_reader{rest_of(key)}.array<16>();
    return false;
  });
  if (done.has_error())
    return done.error();
  if (!tag)
    return error{errc::not_found, "no such organization"};
  return open_child(nullptr, *tag);
}

result<identity_ptr> catalog::follow(const scope_tag& organization,
                                     const std::vector<scope_tag>& tags) const {
  auto at = open_child(nullptr, organization);
  for (const auto& tag : tags) {
    if (at.has_error())
      return at;
    at = open_child(*at, tag);
  }
  return at;
}

result<void> catalog::children(
  const identity_ptr& parent,
  const std::function<bool(result<identity_ptr>)>& visit) const {
  auto prefix = space_of(parent).range(record_kind::child);
  bytes from;
  // In pages, so that no reader of the store is held while slots are read.
  constexpr std::size_t page = 256;
  for (;;) {
    std::vector<std::pair<scope_tag, bytes>> entries;
    auto done = records_.scan(
      prefix, from, [&entries](bytes_view key, bytes_view value) {
        byte_reader reader{rest_of(key)};
        entries.emplace_back(reader.array<16>(), bytes{value});
        return entries.size() < page;
      });
    if (done.has_error())
      return done;
    for (const auto& [tag, sealed] : entries) {
      auto known = cached(tag);
      auto child = known ? result<identity_ptr>{known}
                         : decode_child(parent, tag, sealed);
      if (!visit(std::move(child)))
        return {};
    }
    if (entries.size() < page)
      return {};
    from.assign(view_of(entries.back().first));
    from.push_back('\0');
  }
}

partition_id catalog::partition_of(const identity_ptr& parent,
                                   std::string_view segment) const {
  if (parent)
    return parent->partition;
  auto hash = crypto::keyed_short_hash(node_->tag, {"partition", segment});
  return static_cast<partition_id>((hash[0] << 8 | hash[1]) % partition_count);
}

/// A tag is never used again, even where damage took the catalog's entry or the
/// tombstone: what is left of its former scope, such as the audit chain, would
/// be taken for the new one's.
result<void> catalog::pass_over_used_tags(
  const identity_ptr& parent, std::string_view segment, partition_id partition,
  incarnation_state& state, write_batch& batch, prepared_child& out) const {
  bool passed = false;
  for (bool used = true; used;) {
    used = false;
    key_space space{partition, tag_of(parent, segment, state.incarnation)};
    auto done = records_.scan(space.everything(), {}, [&](auto, auto) {
      used = true;
      return false;
    });
    if (done.has_error())
      return done;
    state.incarnation += used ? 1 : 0;
    passed = passed || used;
  }
  if (!passed)
    return {};
  auto key = space_of(parent).key(record_kind::tombstone,
                                  tombstone_rest(parent, segment));
  auto old = records_.get(key);
  if (old.has_error())
    return old.error();
  if (*old)
    out.removals.push_back({bytes{key.view()}, bytes{crypto::tag_of(**old)}});
  auto sealed
    = seal_tombstone(control_of(parent), key,
                     {state.incarnation - 1, false, state.erased, false});
  out.additions.push_back({bytes{key.view()}, bytes{crypto::tag_of(sealed)}});
  batch.put(key, std::move(sealed));
  return {};
}

result<prepared_child> catalog::prepare_child(const identity_ptr& parent,
                                              const scope& name, timestamp now,
                                              write_batch& batch) {
  auto segment = name.name();
  auto state = incarnation_of(parent, segment);
  if (state.has_error())
    return state.error();
  if (state->refused)
    return refused_error(name.kind());
  auto partition = partition_of(parent, segment);
  prepared_child out;
  if (auto done
      = pass_over_used_tags(parent, segment, partition, *state, batch, out);
      done.has_error())
    return done.error();
  auto slot = slots_.allocate();
  if (slot.has_error())
    return slot.error();
  auto tag = tag_of(parent, segment, state->incarnation);
  auto child = std::make_shared<scope_identity>(scope_identity{
    name, tag, partition, state->incarnation, crypto::random_array<16>(), now,
    *slot, scope_keys::random(), parent ? parent->organization : nullptr,
    parent ? parent->settings : std::make_shared<shared_settings>(), parent});
  auto [master, version] = node_->master->newest();
  batch.write_slot(wrapped_slot(parent ? parent->keys.wrapping : *master, *slot,
                                tag, parent ? 0 : version, child->keys));
  bytes inner;
  byte_writer inner_writer{inner};
  inner_writer.raw(child->pseudonym);
  inner_writer.raw(segment);
  auto key = space_of(parent).key(record_kind::child, view_of(tag));
  auto sealed = seal_entry(
    control_of(parent), key,
    {*slot, child->incarnation, now,
     crypto::seal(child->keys.control, 0, name_context(tag), inner)});
  out.additions.push_back({bytes{key.view()}, bytes{crypto::tag_of(sealed)}});
  batch.put(key, std::move(sealed));
  if (parent) {
    add_index_records(*child, batch);
  } else {
    child->organization = fresh_organization_keys();
    out.own_additions.push_back(put_organization_keys(*child, batch));
  }
  out.identity = std::move(child);
  return out;
}

void catalog::add_index_records(const scope_identity& child,
                                write_batch& batch) {
  const auto& root = child.root();
  auto tags = encode_tags(tags_of(child));
  for (auto [kind, rest] :
       {std::pair{record_kind::locator, view_of(child.tag)},
        std::pair{record_kind::pseudonym, view_of(child.pseudonym)}}) {
    auto key = root.space().key(kind, rest);
    batch.put(key, crypto::seal(root.keys.control, 0, key.view(), tags));
  }
}

result<std::vector<std::vector<scope_tag>>>
catalog::locate(const scope_identity& organization,
                std::uint64_t locator) const {
  bytes from;
  byte_writer{from}.u64(locator << 24);
  from.resize(5);
  auto prefix = organization.space().range(record_kind::locator) + from;
  std::vector<std::pair<bytes, bytes>> found;
  auto done
    = records_.scan(prefix, {}, [&found](bytes_view key, bytes_view value) {
        found.emplace_back(key, value);
        return true;
      });
  if (done.has_error())
    return done.error();
  std::vector<std::vector<scope_tag>> out;
  for (const auto& [key, sealed] : found) {
    auto plain = crypto::open(organization.keys.control, key, sealed);
    if (plain.has_error())
      return plain.error();
    auto tags = decode_tags(*plain);
    if (tags.has_error())
      return tags.error();
    out.push_back(std::move(*tags));
  }
  return out;
}

result<std::vector<scope_tag>>
catalog::find_pseudonym(const scope_identity& organization,
                        const scope_pseudonym& pseudonym) const {
  if (pseudonym == organization.pseudonym)
    return std::vector<scope_tag>{};
  auto key
    = organization.space().key(record_kind::pseudonym, view_of(pseudonym));
  auto sealed = records_.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return error{errc::not_found, "unknown pseudonym"};
  auto plain = crypto::open(organization.keys.control, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  return decode_tags(*plain);
}

scope_tag catalog::tag_of(const identity_ptr& parent, std::string_view segment,
                          std::uint32_t incarnation) const {
  return crypto::keyed_short_hash(
    tag_key_of(parent),
    {"tag", view_of(tag_of_parent(parent)), be32(incarnation), segment});
}

scope_tag catalog::first_tag_of(const scope_identity& organization,
                                const scope& name) const {
  auto tag = organization.tag;
  auto segments = name.segments();
  for (std::size_t i = 1; i < segments.size(); ++i)
    tag = crypto::keyed_short_hash(organization.organization->tag,
                                   {"tag", view_of(tag), be32(1), segments[i]});
  return tag;
}

key_space catalog::space_of(const identity_ptr& parent) const {
  return parent ? parent->space() : node_->space();
}

const crypto::secret_key&
catalog::control_of(const identity_ptr& parent) const {
  return parent ? parent->keys.control : node_->keys.control;
}

const crypto::secret_key&
catalog::tag_key_of(const identity_ptr& parent) const {
  return parent ? parent->organization->tag : node_->tag;
}

catalog::prepared_slot catalog::data_slot(const scope_identity& of,
                                          const data_keys& data) const {
  if (of.parent)
    return {
      wrapped_slot(of.parent->keys.wrapping, of.slot, of.tag, 0, of.keys, data),
      nullptr};
  auto [master, version] = node_->master->newest();
  return {wrapped_slot(*master, of.slot, of.tag, version, of.keys, data),
          master};
}

result<void> catalog::mend_slot(const scope_identity& of) const {
  auto slot = slots_.read(of.slot);
  if (slot.has_error())
    return slot.error();
  return slot->both_copies ? result<void>{} : slots_.mend(of.slot);
}

result<void> catalog::refresh_data_keys(const scope_identity& of) const {
  auto slot = slots_.read(of.slot);
  if (slot.has_error())
    return slot.error();
  if (slot->owner != of.tag)
    return error{errc::erased, "the key was destroyed"};
  auto master
    = of.parent ? nullptr : node_->master->of_version(slot->master_version);
  if (!of.parent && !master)
    return error{errc::corrupted, "an organization's key is of another version "
                                  "of the master key"};
  auto keys
    = unwrapped_slot(of.parent ? of.parent->keys.wrapping : *master, *slot);
  if (keys.has_error())
    return keys.error();
  of.keys.data->become(keys->data->now());
  return {};
}

result<std::size_t> catalog::rewrap_some(std::size_t limit,
                                         write_batch& batch) const {
  return persistence::rewrap_some(slots_, *node_->master, limit, batch);
}

result<void> catalog::count_scopes() const {
  while (!slots_.used())
    if (auto done = slots_.count_some(); done.has_error())
      return done;
  return {};
}

std::optional<std::uint64_t> catalog::scopes() const {
  auto used = slots_.used();
  // One is the node's own.
  return used && *used > 0 ? std::optional{*used - 1} : std::nullopt;
}

scope_tag catalog::tag_of_parent(const identity_ptr& parent) const {
  return parent ? parent->tag : node_identity::tag_of_node();
}

identity_ptr catalog::cached(const scope_tag& tag) const {
  std::lock_guard guard{mutex_};
  auto found = cache_.find(std::string{view_of(tag)});
  return found == cache_.end() ? nullptr : found->second.lock();
}

/// Answers the identity that is known already, if another thread was faster:
/// all scopes of an organization share one, and what it has set.
identity_ptr catalog::remember(identity_ptr identity) const {
  std::lock_guard guard{mutex_};
  if (cache_.size() >= cache_sweep_at
      && (cache_.size() & (cache_.size() - 1)) == 0)
    std::erase_if(cache_,
                  [](const auto& entry) { return entry.second.expired(); });
  auto& known = cache_[std::string{view_of(identity->tag)}];
  if (auto first = known.lock())
    return first;
  known = identity;
  return identity;
}

} // namespace cloister::persistence
