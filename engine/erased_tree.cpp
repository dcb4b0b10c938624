// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/erased_tree.hpp"

#include "auth/audit_chain.hpp"
#include "crypto/aead.hpp"
#include "engine/chain_start.hpp"
#include "engine/erasures.hpp"
#include "engine/ledger.hpp"
#include "persistence/catalog_records.hpp"
#include "persistence/copy_notes.hpp"

namespace cloister::engine {

using persistence::erased_scope;
using persistence::erasure;
using persistence::identity_ptr;
using persistence::record_kind;
using persistence::scope_tag;
using persistence::write_batch;

namespace {

/// Scopes that one batch lists: it stays small beside those of others.
constexpr std::size_t scopes_at_once = 256;

const crypto::secret_key& node_control(const services& with) {
  return with.catalog.node().keys.control;
}

/// How far a chain goes that has no head to say so. What is damaged ends it.
result<auth::audit_anchor>
surviving_end(const services& with, persistence::partition_id partition,
              const scope_tag& tag, const persistence::scope_pseudonym& name) {
  ledger_context context{{partition, tag}, tag};
  auto stub = read_stub(with, context);
  if (stub.has_error() && stub.error().code == errc::unavailable)
    return stub.error();
  auto chain = verifier_from(context, stub ? *stub : std::nullopt);
  auto end = auth::audit_anchor{name, chain.length(), chain.head()};
  auto done = with.records.scan(
    context.space.range(record_kind::audit_entry), {},
    [&](bytes_view key, bytes_view value) {
      auto link = auth::decode_link(
        byte_reader{persistence::rest_of(key)}.u64(), value);
      if (link.has_error() || !chain.follow(*link))
        return false;
      end.length = chain.length();
      end.head = chain.head();
      return true;
    });
  if (done.has_error() && done.error().code == errc::unavailable)
    return done.error();
  return end;
}

result<auth::audit_anchor>
end_of_session(const services& with,
               const persistence::scope_identity& of_organization,
               const persistence::session_record& session, write_batch& batch,
               listed_scopes& out) {
  auto context = context_of_session(of_organization, session);
  auto head = find_head(context, with.records);
  if (head.has_error() && head.error().code == errc::unavailable)
    return head.error();
  if (head.has_error())
    return surviving_end(with, of_organization.partition, context.tag,
                         session.pseudonym);
  ledger book{context, *head, with.journal};
  out.journaled.emplace_back(context.tag, book.close_for_good(batch));
  return auth::audit_anchor{session.pseudonym, book.head().audit_length,
                            book.head().audit_head};
}

} // namespace

result<listed_scopes> erased_tree::list_some(const services& with,
                                             const scope_tag& top,
                                             write_batch& batch) {
  listed_scopes out;
  while (!left_.empty() && out.scopes < scopes_at_once) {
    auto one = std::move(left_.back());
    left_.pop_back();
    if (auto done = list_one(with, one, top, batch, out); done.has_error())
      return done.error();
  }
  return out;
}

result<void> erased_tree::list_one(const services& with, const member& one,
                                   const scope_tag& top, write_batch& batch,
                                   listed_scopes& out) {
  ++out.scopes;
  erased_scope known;
  identity_ptr identity;
  if (one.has_parent) {
    auto opened = with.catalog.open_child(one.parent, one.tag);
    if (opened.has_error() && opened.error().code == errc::unavailable)
      return opened.error();
    auto entry = with.catalog.entry_of(one.parent, one.tag);
    if (entry && *entry)
      known.slot = (*entry)->slot;
    if (opened)
      identity = *opened;
  }
  auth::audit_anchor end;
  auto head = identity ? read_head(context_of(*identity), with.records)
                       : result<persistence::scope_head>{error{}};
  if (identity && head.has_error() && head.error().code == errc::unavailable)
    return head.error();
  if (identity)
    known.pseudonym = identity->pseudonym;
  if (identity && head) {
    out.memories += head->memory_count;
    out.bytes += head->content_bytes;
    with.usages->of(identity->root().tag)->correct(one.tag, usage::of(*head));
    ledger book{context_of(*identity), *head, with.journal};
    if (book.has_pending())
      out.journaled.emplace_back(one.tag, book.close(batch, nullptr));
    end
      = {identity->pseudonym, book.head().audit_length, book.head().audit_head};
  } else {
    auto found = surviving_end(with, partition_, one.tag, known.pseudonym);
    if (found.has_error())
      return found.error();
    end = *found;
  }
  out.ends.push_back({one.tag, end, !identity || !head});
  if (one.tag != top) {
    bytes rest{view_of(top)};
    rest.append(view_of(one.tag));
    auto key = with.catalog.node().space().key(record_kind::erasure, rest);
    batch.put(key, crypto::seal(node_control(with), 0, key.view(),
                                persistence::encode_erased_scope(known)));
  }
  if (auto done = end_sessions(with, one, identity, batch, out);
      done.has_error())
    return done;
  return add_children(with, one.tag, identity);
}

/// Ephemeral sessions are in no catalog: the audit chains of those below end
/// here. Resumable ones only leave the list: they are scopes.
result<void> erased_tree::end_sessions(const services& with, const member& one,
                                       const identity_ptr& identity,
                                       write_batch& batch, listed_scopes& out) {
  const auto& node = with.catalog.node();
  if (!sessions_) {
    auto listed = persistence::list_sessions(node, with.records);
    if (listed.has_error())
      return listed.error();
    sessions_ = std::move(*listed);
  }
  auto known = identity ? identity : one.parent;
  for (const auto& [place, record] : *sessions_) {
    if (record.has_error())
      continue;
    if (record->resumable && record->path.back() == one.tag)
      persistence::erase_session(node, place, batch);
    auto above
      = record->path.size() > 1 ? record->path.end()[-2] : record->organization;
    if (record->resumable || above != one.tag)
      continue;
    auto end = known ? end_of_session(with, *known, *record, batch, out)
                     : surviving_end(with, partition_, record->path.back(),
                                     record->pseudonym);
    if (end.has_error())
      return end.error();
    out.ends.push_back({record->path.back(), *end, !known});
    persistence::erase_session(node, place, batch);
  }
  return {};
}

/// Tags lie in the open in the keys of their parent's catalog.
result<void> erased_tree::add_children(const services& with,
                                       const scope_tag& tag,
                                       const identity_ptr& identity) {
  persistence::key_space space{partition_, tag};
  auto done = with.records.scan(
    space.range(record_kind::child), {}, [&](bytes_view key, bytes_view) {
      left_.push_back({byte_reader{persistence::rest_of(key)}.array<16>(),
                       identity, identity != nullptr});
      return true;
    });
  // Around a damaged block there is nothing to be found.
  if (done.has_error() && done.error().code == errc::corrupted)
    return {};
  return done;
}

result<void> find_erased(const services& with, const identity_ptr& parent,
                         const scope& name, scope_tag& tag, erasure& out) {
  auto current = with.catalog.current_tag_of(parent, name.name());
  if (current.has_error())
    return current.error();
  tag = *current;
  auto entry = with.catalog.entry_of(parent, tag);
  if (entry.has_error() && entry.error().code != errc::corrupted)
    return entry.error();
  if (entry && !*entry && with.catalog.is_minted_session(parent, name.name()))
    return persistence::ended_session_error();
  if (entry && !*entry && name.kind() == scope_kind::session)
    return error{errc::not_found, "there is no such session here; give its "
                                  "whole name, as `cloister session list` has "
                                  "it, or whose it is"};
  if (entry && !*entry)
    return error{errc::not_found, "nothing was ever written to this scope; "
                                  "`cloister scope list` has those there are"};
  if (entry) {
    out.incarnation = (*entry)->incarnation;
    out.scope.slot = (*entry)->slot;
  } else {
    // What is damaged can be erased, too.
    auto slot = with.catalog.slot_of_damaged(tag);
    auto incarnation = with.catalog.current_incarnation_of(parent, name.name());
    if (slot.has_error() || incarnation.has_error())
      return slot.has_error() ? slot.error() : incarnation.error();
    out.scope.slot = slot->value_or(persistence::unknown_slot);
    out.incarnation = *incarnation;
  }
  out.name = with.catalog.name_hash(parent, name.name());
  auto opened = with.catalog.open_child(parent, tag);
  if (opened.has_error() && opened.error().code == errc::unavailable)
    return opened.error();
  if (opened)
    out.scope.pseudonym = (*opened)->pseudonym;
  if (parent) {
    out.partition = parent->partition;
    out.organization = parent->root().tag;
    out.parent = persistence::tags_of(*parent);
  } else {
    out.partition = with.catalog.partition_of(parent, name.name());
  }
  return {};
}

namespace {

result<std::optional<erasure>> read_erasure(const services& with,
                                            const scope_tag& tag) {
  auto key
    = with.catalog.node().space().key(record_kind::erasure, view_of(tag));
  auto sealed = with.records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return std::optional<erasure>{};
  auto plain = crypto::open(node_control(with), key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  auto out = persistence::decode_erasure(*plain);
  if (out.has_error())
    return out.error();
  return std::optional{std::move(*out)};
}

} // namespace

result<bool> find_begun(const services& with, const identity_ptr& parent,
                        const scope_tag& tag, erasure& out) {
  auto found = read_erasure(with, tag);
  if (found.has_error())
    return found.error();
  if (!*found)
    return false;
  out = std::move(**found);
  auto entry = with.catalog.entry_of(parent, tag);
  if (entry.has_error() && entry.error().code != errc::corrupted)
    return entry.error();
  if (entry && !*entry)
    return false;
  // As long as it opens, something may have been added to what was listed.
  auto opened = with.catalog.open_child(parent, tag);
  if (opened.has_error() && opened.error().code == errc::unavailable)
    return opened.error();
  out.listed = out.listed && opened.has_error();
  return true;
}

namespace {

/// The scope with so many of the first segments of a path.
scope above(scope name, std::size_t segments) {
  while (name.depth() > segments && name.parent())
    name = *name.parent();
  return name;
}

/// Completes what a start needs to know of an erasure, by the names that are
/// still there. False where its parent, and so it itself, is gone.
result<bool> locate(const services& with, const erasure& what,
                    unfinished_erasure& out) {
  identity_ptr parent;
  if (what.organization != scope_tag{}) {
    if (auto whose = with.catalog.follow(what.organization, {}))
      out.organization = (*whose)->name;
    auto found = with.catalog.follow(what.organization, what.parent);
    if (found.has_error()
        && (found.error().code == errc::not_found
            || found.error().code == errc::erased))
      return false;
    if (found.has_error())
      return found.error();
    parent = *found;
    out.parent = parent->name;
  }
  auto entry = with.catalog.entry_of(parent, out.tag);
  if (entry.has_error() && entry.error().code != errc::corrupted)
    return entry.error();
  if (entry && !*entry)
    return false;
  auto child = with.catalog.open_child(parent, out.tag);
  if (child.has_error() && child.error().code == errc::unavailable)
    return child.error();
  if (child)
    out.name = (*child)->name;
  // At or above the scope above it: else no copy outside could be erased.
  if (what.copies_below > 0 && out.parent)
    out.copies_below = above(*out.parent, what.copies_below);
  if (auto asked = auth::decode_audit_entry(what.asked))
    out.request = asked->request;
  return true;
}

} // namespace

result<std::vector<unfinished_erasure>> read_unfinished(const services& with) {
  std::vector<unfinished_erasure> out;
  const auto& node = with.catalog.node();
  std::vector<std::pair<scope_tag, erasure>> found;
  auto prefix = node.space().range(record_kind::erasure);
  auto done
    = with.records.scan(prefix, {}, [&](bytes_view key, bytes_view sealed) {
        auto rest = persistence::rest_of(key);
        if (rest.size() != sizeof(scope_tag))
          return true;
        auto plain = crypto::open(node_control(with), key, sealed);
        auto what = plain ? persistence::decode_erasure(*plain) : plain.error();
        if (what)
          found.emplace_back(byte_reader{rest}.array<16>(), std::move(*what));
        return true;
      });
  if (done.has_error())
    return done.error();
  for (const auto& [tag, what] : found) {
    unfinished_erasure one;
    one.tag = tag;
    auto lives = locate(with, what, one);
    if (lives.has_error() && lives.error().code == errc::unavailable)
      return lives.error();
    // What is too damaged to go on with stays for a repair.
    if (lives.has_error())
      continue;
    one.destroyed = !*lives;
    // Whoever destroyed it may not have learnt that it did.
    if (one.destroyed)
      with.usages->of(what.organization)->forget_sum();
    out.push_back(std::move(one));
  }
  return out;
}

namespace {

/// Records that one batch gives back.
constexpr std::size_t records_at_once = 1000;

/// Gives back some of what one scope had. Returns whether that was all.
result<bool> reclaim_one(const services& with, const erasure& what,
                         const scope_tag& tag, const erased_scope& known,
                         std::size_t& budget, write_batch& batch) {
  auto found = persistence::reclaim_some(with.records, what.partition, tag,
                                         budget, batch);
  if (found.has_error())
    return found.error();
  if (*found == budget)
    return false;
  budget -= *found;
  if (what.organization != scope_tag{}) {
    auto notes = persistence::reclaim_copy_notes(
      with.records, what.partition, what.organization, tag, budget, batch);
    if (notes.has_error())
      return notes.error();
    if (*notes == budget)
      return false;
    budget -= *notes;
  }
  if (known.slot != persistence::unknown_slot)
    batch.write_slot({known.slot, tag, {}, 0, 0});
  if (what.organization != scope_tag{})
    persistence::catalog::erase_index_records(what.partition, what.organization,
                                              tag, known.pseudonym, batch);
  // Entries that nobody is left to chain.
  with.journal.settle(tag, std::numeric_limits<std::uint64_t>::max());
  return true;
}

} // namespace

result<bool> reclaim_erasure(const services& with, const scope_tag& child,
                             write_batch& batch) {
  auto what = read_erasure(with, child);
  if (what.has_error())
    return what.error();
  if (!*what)
    return true;
  unfinished_erasure one;
  one.tag = child;
  auto lives = locate(with, **what, one);
  if (lives.has_error())
    return lives.error();
  if (*lives)
    return true;
  auto space = with.catalog.node().space();
  auto prefix = space.range(record_kind::erasure) + bytes{view_of(child)};
  std::vector<std::pair<scope_tag, erased_scope>> below;
  // No further than the last: LevelDB would walk over what it keeps of the
  // records of former erasures.
  auto wanted = (*what)->listed
                  ? std::min<std::uint64_t>((*what)->below, records_at_once)
                  : records_at_once;
  result<void> done;
  if (wanted > 0)
    done
      = with.records.scan(prefix, {}, [&](bytes_view key, bytes_view sealed) {
          auto rest = persistence::rest_of(key).substr(sizeof(scope_tag));
          if (rest.empty())
            return true;
          auto plain = crypto::open(node_control(with), key, sealed);
          auto known
            = plain ? persistence::decode_erased_scope(*plain) : plain.error();
          below.emplace_back(byte_reader{rest}.array<16>(),
                             known ? *known : erased_scope{});
          return below.size() < wanted;
        });
  if (done.has_error())
    return done.error();
  auto budget = records_at_once;
  for (const auto& [tag, known] : below) {
    if (budget == 0)
      return false;
    auto all = reclaim_one(with, **what, tag, known, budget, batch);
    if (all.has_error() || !*all)
      return all;
    bytes rest{view_of(child)};
    rest.append(view_of(tag));
    batch.erase(space.key(record_kind::erasure, rest));
    --budget;
  }
  if (below.size() == records_at_once || budget == 0)
    return false;
  auto all = reclaim_one(with, **what, child, (*what)->scope, budget, batch);
  if (all.has_error() || !*all)
    return all;
  batch.erase(space.key(record_kind::erasure, view_of(child)));
  return true;
}

} // namespace cloister::engine
