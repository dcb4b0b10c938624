// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/told_erasure.hpp"

#include <algorithm>

#include "auth/audit_chain.hpp"
#include "engine/ledger.hpp"
#include "engine/name_resolver.hpp"

namespace cloister::engine {

using persistence::identity_ptr;

namespace {

constexpr std::size_t entries_at_once = 1000;

/// The child by what the trail has of it: never its name.
struct sought_child {
  std::array<std::uint8_t, 16> name{};
  /// An ephemeral session's, whose name is used once.
  std::optional<persistence::scope_tag> session;

  bool is_told_by(const auth::audit_entry& entry) const {
    if (entry.outcome != errc::ok)
      return false;
    auto ends = entry.what == auth::operation::erase_scope
                || entry.what == auth::operation::end_session
                || entry.what == auth::operation::erase_organization;
    if (!ends)
      return false;
    if (entry.refused)
      return entry.refused->name == name;
    return session && entry.anchor && entry.ended == session;
  }
};

told_erasure told_by(const auth::audit_link& link,
                     const auth::audit_entry& entry,
                     const ledger_context& context) {
  told_erasure out;
  auto& what = out.what;
  const auto& contents = *entry.contents;
  auto is_scope = entry.refused.has_value();
  what.tag
    = is_scope ? entry.wanted.value_or(persistence::scope_tag{}) : *entry.ended;
  what.incarnation = is_scope ? entry.refused->incarnation : 1;
  what.at = entry.at;
  what.scopes = is_scope ? entry.count : 1;
  what.memories = contents.memories;
  what.unreadable = contents.unreadable;
  what.copies = contents.copies;
  what.chain = context.tag;
  what.index = link.index;
  what.head = auth::next_head(link.previous, link.index, link.sealed);
  what.reason = entry.reason;
  return out;
}

error none_told(const identity_ptr& parent) {
  if (!parent)
    return {errc::not_found,
            "the store's audit trail tells of no erasure of that organization; "
            "one that is only disabled has no receipt yet"};
  return {errc::not_found,
          "the audit trail of the scope above tells of no erasure of that "
          "name; what was erased with a scope above has that one's receipt"};
}

error too_old() {
  return {errc::not_found,
          "it was erased by a version whose audit trail does not tell how much "
          "there was: only the receipt of that time can"};
}

error pruned() {
  return {errc::not_found,
          "the audit entry that told of it was pruned: there is no receipt to "
          "be signed any more"};
}

} // namespace

result<told_erasure> read_told_erasure(const services& with,
                                       const identity_ptr& parent,
                                       const scope& child) {
  sought_child sought{with.catalog.name_hash(parent, child.name()), {}};
  if (parent && child.kind() == scope_kind::session)
    sought.session = with.catalog.tag_of(parent, child.name(), 1);
  auto context = parent ? context_of(*parent) : context_of(with.catalog.node());
  auto prefix = context.space.range(persistence::record_kind::audit_entry);
  auto before = bytes(sizeof(std::uint64_t) + 1, '\xff');
  // Of entries that were pruned, which others have taken over.
  std::optional<std::uint64_t> newest_pruned;
  for (;;) {
    std::vector<auth::audit_link> found;
    result<void> failure;
    auto done = with.records.scan_back(
      prefix, before, [&](bytes_view key, bytes_view value) {
        auto link = auth::decode_link(
          byte_reader{persistence::rest_of(key)}.u64(), value);
        if (link)
          found.push_back(std::move(*link));
        else
          failure = link.error();
        return failure.has_value() && found.size() < entries_at_once;
      });
    if (done.has_error() || failure.has_error())
      return done.has_error() ? done.error() : failure.error();
    for (const auto& link : found) {
      auto entry = open_entry(context, link.sealed);
      if (entry.has_error())
        return entry.error();
      if (newest_pruned && *newest_pruned > link.index)
        return pruned();
      if (sought.is_told_by(*entry)) {
        if (!entry->contents)
          return too_old();
        auto out = told_by(link, *entry, context);
        out.principal = name_resolver{with, parent}.principal_of(*entry);
        if (entry->principal == auth::principal_kind::key)
          out.key_id = auth::to_string(entry->key);
        return out;
      }
      auto told = auth::visit_told(
        *entry, link.index, [&](const auto& each, std::uint64_t index) {
          if (index != link.index && sought.is_told_by(each))
            newest_pruned = std::max(newest_pruned.value_or(0), index);
        });
      if (told.has_error())
        return told.error();
    }
    if (found.size() < entries_at_once)
      return newest_pruned ? pruned() : none_told(parent);
    before.clear();
    byte_writer{before}.u64(found.back().index);
  }
}

} // namespace cloister::engine
