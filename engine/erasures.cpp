// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/erasures.hpp"

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "persistence/organization_ends.hpp"

namespace cloister::engine {

using persistence::erasure;
using persistence::identity_ptr;
using persistence::record_kind;
using persistence::scope_tag;
using persistence::write_batch;

/// One erasure under way.
struct erasures::run {
  scope_tag tag{};
  erasure what;
  /// What is left to be listed; a loader works on it between two steps.
  erased_tree below;
  std::function<void()> ended;
  /// An organization's, which its audit trail is read with afterwards.
  std::optional<crypto::secret_key> audit;
  erased_child done;
  /// What the listed scopes hold, where all of them were listed for this run.
  std::optional<usage> held;
};

/// What a loader found, ready to be written.
struct erasures::slice {
  std::shared_ptr<write_batch> batch = std::make_shared<write_batch>();
  result<listed_scopes> found{
    error{errc::unavailable, "the scopes below could not be listed"}};
};

namespace {

error begun_error(const error& why) {
  return {errc::unavailable,
          "the erasure has begun and goes on by itself (" + why.detail + ")",
          limits::overload_retry_hint};
}

void put_erasure(const services& with, const scope_tag& tag,
                 const erasure& what, write_batch& batch) {
  const auto& node = with.catalog.node();
  auto key = node.space().key(record_kind::erasure, view_of(tag));
  batch.put(key, crypto::seal(node.keys.control, 0, key.view(),
                              persistence::encode_erasure(what)));
}

/// What became of those that were to go first: the record does not wait for
/// them any more.
void note_copies(erasure& what, const auth::copies_elsewhere& copies) {
  auto asked = auth::decode_audit_entry(what.asked);
  CLOISTER_ASSERT(asked.has_value());
  auto contents = asked->contents.value_or(auth::erased_contents{});
  contents.copies = copies;
  asked->contents = contents;
  what.asked = auth::encode_audit_entry(*asked);
  what.with_copies = copies.left == 0;
  what.copies_below = 0;
}

} // namespace

step erasures::begin(const erase_child& what, auth::audit_entry asked,
                     std::function<void()> ended) {
  auto of = std::make_shared<run>();
  of->ended = std::move(ended);
  // As what is listed is added to.
  const auto& before = what.before;
  auto noted = asked;
  noted.count = static_cast<std::uint32_t>(before.sessions);
  noted.contents = auth::erased_contents{before.memories, 0, before.copies};
  of->what.asked = auth::encode_audit_entry(noted);
  of->what.with_copies = before.copies.left == 0;
  if (what.copies_below)
    of->what.copies_below
      = static_cast<std::uint8_t>(what.copies_below->depth());
  of->what.at = lent_.with.time->now();
  auto found = std::make_shared<result<void>>(
    error{errc::unavailable, "the scope could not be looked for"});
  auto work = [found, of, name = what.name, parent = lent_.identity,
               with = lent_.with] {
    *found = find_erased(with, parent, name, of->tag, of->what);
    if (found->has_error() || parent)
      return;
    if (auto opened = with.catalog.open_child(nullptr, of->tag))
      of->audit = (*opened)->organization->audit.duplicate();
  };
  return offload{work, [this, of, found, asked]() -> step {
                   if (found->has_value())
                     return intend(of);
                   of->ended();
                   return lent_.refuse(asked, found->error());
                 }};
}

step erasures::intend(const run_ptr& of) {
  if (!running_.insert(of->tag).second) {
    of->ended();
    return error{errc::unavailable, "the scope is being erased",
                 limits::overload_retry_hint};
  }
  auto batch = std::make_shared<write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  put_erasure(lent_.with, of->tag, of->what, *batch);
  if (!lent_.identity)
    persistence::put_former(lent_.with.catalog.node(), of->tag,
                            of->what.partition,
                            of->audit ? &*of->audit : nullptr, *batch);
  auto entry = auth::decode_audit_entry(of->what.asked);
  CLOISTER_ASSERT(entry.has_value());
  entry->reason = "intended";
  entry->count = 0;
  entry->contents.reset();
  of->held = usage{};
  of->below = erased_tree{lent_.identity, of->tag, of->what.partition};
  return lent_.commit(batch, {*entry},
                      [this, of](const result<void>& outcome) -> step {
                        if (outcome.has_error())
                          return failed(of, outcome.error());
                        if (of->what.copies_below == 0)
                          return list(of);
                        end(of);
                        return answer{erased_child{of->tag}};
                      });
}

step erasures::list(const run_ptr& of) {
  auto found = std::make_shared<slice>();
  auto work = [found, of, with = lent_.with] {
    found->batch->set_generation(with.records.generation());
    found->found = of->below.list_some(with, of->tag, *found->batch);
  };
  return offload{work, [this, of, found] { return listed(of, found); }};
}

step erasures::listed(const run_ptr& of, const std::shared_ptr<slice>& found) {
  if (found->found.has_error())
    return failed(of, found->found.error());
  if (is_outdated(*found->batch))
    return failed(of, {errc::unavailable, "the store was reopened meanwhile"});
  auto& what = of->what;
  const auto& some = *found->found;
  what.scopes += some.scopes;
  what.memories += some.memories;
  if (of->held)
    *of->held += {static_cast<std::int64_t>(some.memories),
                  static_cast<std::int64_t>(some.bytes)};
  what.listed = of->below.is_empty();
  found->batch->set_effect(persistence::batch_effect::shrinks);
  auto asked = auth::decode_audit_entry(what.asked);
  CLOISTER_ASSERT(asked.has_value());
  std::vector<auth::audit_entry> entries;
  for (const auto& end : some.ends) {
    auth::audit_entry entry;
    entry.at = lent_.with.time->now();
    entry.request = asked->request;
    entry.principal = auth::principal_kind::system;
    entry.what = auth::operation::end_scope;
    entry.anchor = end.anchor;
    entry.ended = end.tag;
    // The node does not know by the tag where the chain is.
    if (!lent_.identity)
      entry.wanted = of->tag;
    what.below += end.tag != of->tag ? 1u : 0u;
    if (end.is_guessed) {
      ++what.unreadable;
      entry.outcome = errc::corrupted;
      entry.reason = "it was damaged; the chain ends with what is left of it";
    }
    entries.push_back(std::move(entry));
  }
  put_erasure(lent_.with, of->tag, what, *found->batch);
  return lent_.commit(found->batch, std::move(entries),
                      [this, of, found](const result<void>& outcome) -> step {
                        if (outcome.has_error())
                          return failed(of, outcome.error());
                        for (const auto& [tag, up_to] : found->found->journaled)
                          lent_.with.journal.settle(tag, up_to);
                        return of->what.listed ? destroy(of) : list(of);
                      });
}

step erasures::destroy(const run_ptr& of) {
  auto batch = std::make_shared<write_batch>();
  auto changes = std::make_shared<result<persistence::registry_change>>(
    error{errc::unavailable, "the erasure could not be prepared"});
  auto work = [batch, changes, of, parent = lent_.identity, with = lent_.with] {
    batch->set_generation(with.records.generation());
    *changes = with.catalog.prepare_erasure(parent, of->tag, of->what, *batch);
  };
  return offload{work, [this, of, batch, changes]() -> step {
                   if (changes->has_error())
                     return failed(of, changes->error());
                   return destroyed(of, batch, **changes);
                 }};
}

/// The batch destroys the key first, then makes the rest durable.
step erasures::destroyed(const run_ptr& of,
                         const std::shared_ptr<write_batch>& batch,
                         const persistence::registry_change& changes) {
  if (is_outdated(*batch))
    return failed(of, {errc::unavailable, "the store was reopened meanwhile"});
  // Whoever still holds its keys must not be found by who looks for it.
  lent_.with.catalog.forget(of->tag);
  const auto& what = of->what;
  auto entry = auth::decode_audit_entry(what.asked);
  if (entry.has_error())
    return failed(of, entry.error());
  auto& registry = lent_.book.head().registry;
  for (const auto& each : changes.removals)
    lent_.book.remove(registry, each.key, each.tag);
  for (const auto& each : changes.additions)
    lent_.book.add(registry, each.key, each.tag);
  batch->set_effect(persistence::batch_effect::shrinks);
  entry->at = lent_.with.time->now();
  entry->count += static_cast<std::uint32_t>(what.scopes);
  // One that was begun by an older version has none.
  auto contents = entry->contents.value_or(auth::erased_contents{});
  contents.memories += what.memories;
  contents.unreadable = what.unreadable;
  entry->contents = contents;
  entry->wanted = of->tag;
  entry->refused = auth::refused_name{what.name, what.incarnation};
  auto next = lent_.commit(batch, {*entry},
                           [this, of](const result<void>& outcome) -> step {
                             if (outcome.has_error())
                               return failed(of, outcome.error());
                             lent_.with.catalog.forget(of->tag);
                             forget_usage(of);
                             end(of);
                             return answer{of->done};
                           });
  const auto& head = lent_.book.head();
  of->done = {of->tag,
              what.incarnation,
              entry->at,
              entry->count,
              contents.memories,
              contents.unreadable,
              contents.copies,
              lent_.book.context().tag,
              head.audit_length - 1,
              head.audit_head,
              entry->reason};
  return next;
}

step erasures::finish(const finish_erasure& asked) {
  const auto& child = asked.child;
  if (running_.contains(child))
    return error{errc::unavailable, "the scope is being erased",
                 limits::overload_retry_hint};
  running_.insert(child);
  auto of = std::make_shared<run>();
  of->tag = child;
  auto found = std::make_shared<result<bool>>(
    error{errc::unavailable, "the erasure could not be read"});
  auto work = [found, of, parent = lent_.identity, with = lent_.with] {
    *found = find_begun(with, parent, of->tag, of->what);
  };
  return offload{
    work, [this, of, found, copies = asked.copies]() -> step {
      if (found->has_error())
        return failed(of, found->error());
      if (!**found) {
        lent_.with.catalog.forget(of->tag);
        forget_usage(of);
        end(of);
        return answer{nothing{}};
      }
      if (of->what.copies_below > 0)
        note_copies(of->what, copies);
      if (of->what.listed)
        return destroy(of);
      of->what.scopes = 0;
      of->what.memories = 0;
      of->what.unreadable = 0;
      of->what.below = 0;
      of->held = usage{};
      of->below = erased_tree{lent_.identity, of->tag, of->what.partition};
      return list(of);
    }};
}

/// What was erased is held no more. Where that is not known, because it was
/// listed before, or was damaged, what is left is counted again.
void erasures::forget_usage(const run_ptr& of) {
  if (!lent_.identity)
    return;
  auto held = lent_.with.usages->of(lent_.identity->root().tag);
  if (of->held && of->what.unreadable == 0)
    held->forget(*of->held);
  else
    held->forget_sum();
}

/// What an intent began goes on by its record.
step erasures::failed(const run_ptr& of, error why) {
  end(of);
  return begun_error(why);
}

void erasures::end(const run_ptr& of) {
  running_.erase(of->tag);
  if (of->ended)
    of->ended();
}

/// What an older generation of the store did not have, this one may have.
bool erasures::is_outdated(const write_batch& batch) const {
  return batch.generation() != lent_.generation();
}

} // namespace cloister::engine
