// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/lost_scopes.hpp"

#include <set>

#include "core/encoding.hpp"
#include "crypto/aead.hpp"
#include "engine/surviving_chain.hpp"

namespace cloister::engine {

using persistence::record_kind;

bool is_being_erased(const services& with, const persistence::scope_tag& tag) {
  auto key
    = with.catalog.node().space().key(record_kind::erasure, view_of(tag));
  auto found = with.records.get(key);
  return found.has_error() || found->has_value();
}

result<void> lost_scopes::end(beginnings missing) {
  auto known = find_tags();
  if (known.has_error())
    return known.error();
  const auto& tags = *known;
  std::set<crypto::digest> done_with;
  while (!missing.empty()) {
    auto [beginning, pseudonym] = *missing.begin();
    missing.erase(missing.begin());
    if (!done_with.insert(beginning).second)
      continue;
    auto tag = tags.find(beginning);
    if (tag == tags.end()) {
      end_chain({{}, {pseudonym, 0, beginning}});
      continue;
    }
    auto ended = end_tree(tag->second);
    if (ended.has_error())
      return ended.error();
    for (const auto& each : *ended) {
      done_with.insert(auth::first_head(view_of(each)));
      auto told = told_by(each);
      if (told.has_error())
        return told.error();
      missing.insert(told->begin(), told->end());
    }
  }
  return {};
}

/// The chains that one below tells of, and does not end.
result<lost_scopes::beginnings>
lost_scopes::told_by(const persistence::scope_tag& tag) const {
  auto context = context_of(*above_);
  context.space = {above_->partition, tag};
  context.tag = tag;
  surviving_chain chain;
  if (auto done = chain.read(with_, context, 0); done.has_error())
    return done.error();
  return chain.without_end();
}

void lost_scopes::end_chain(const chain_end& end) {
  auth::audit_entry entry;
  entry.at = with_.time->now();
  entry.request = auth::make_request_id();
  entry.principal = auth::principal_kind::operator_;
  entry.what = auth::operation::repair;
  entry.reason = "a chain below is gone; it ends with what is left of it";
  entry.anchor = end.anchor;
  entry.ended = end.tag;
  entries_left_.push_back(end.anchor.length);
  book_.close(batch_, &entry);
}

/// Ends the chains of a scope that no catalog lists, and of all below it;
/// answers which.
result<std::vector<persistence::scope_tag>>
lost_scopes::end_tree(const persistence::scope_tag& tag) {
  std::vector<persistence::scope_tag> out;
  if (is_listed(tag) || is_being_erased(with_, tag))
    return out;
  persistence::erasure what;
  what.listed = true;
  what.partition = above_->partition;
  what.organization = above_->root().tag;
  what.parent = persistence::tags_of(*above_);
  what.at = with_.time->now();
  if (auto slot = with_.catalog.slot_of_damaged(tag); slot && *slot)
    what.scope.slot = **slot;
  erased_tree tree{above_, tag, above_->partition};
  while (!tree.is_empty()) {
    auto some = tree.list_some(with_, tag, batch_);
    if (some.has_error())
      return some.error();
    what.below += some->scopes;
    for (const auto& end : some->ends) {
      end_chain(end);
      out.push_back(end.tag);
    }
  }
  const auto& node = with_.catalog.node();
  auto key = node.space().key(record_kind::erasure, view_of(tag));
  batch_.put(key, crypto::seal(node.keys.control, 0, key.view(),
                               persistence::encode_erasure(what)));
  return out;
}

bool lost_scopes::is_listed(const persistence::scope_tag& tag) const {
  auto entry = with_.catalog.entry_of(above_, tag);
  return entry.has_error() || entry->has_value();
}

/// The tags of all that has records beside the scope above, by where their
/// chains begin.
result<lost_scopes::tags_by_beginning> lost_scopes::find_tags() const {
  tags_by_beginning out;
  bytes prefix{above_->space().everything().substr(0, 2)};
  bytes from;
  for (bool more = true; more;) {
    more = false;
    auto done
      = with_.records.scan(prefix, from, [&](bytes_view key, bytes_view) {
          auto tag = byte_reader{key.substr(2)}.array<16>();
          out[auth::first_head(view_of(tag))] = tag;
          // On behind all that this one has.
          from = bytes{view_of(tag)};
          from.append(1, '\xff');
          more = true;
          return false;
        });
    if (done.has_error())
      return done.error();
  }
  return out;
}

} // namespace cloister::engine
