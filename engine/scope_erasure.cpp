// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Erasing a scope below, with all below it. In this order, so that whatever
// happens is finished by the next start or has not begun: an intent, synced;
// the keys, by which nothing of it opens any more; the tombstone and the trail;
// then space, at leisure.

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "engine/scope_engine.hpp"

namespace cloister::engine {

using persistence::erasure;
using persistence::erasure_phase;
using persistence::identity_ptr;
using persistence::record_kind;

/// One erasure under way.
struct scope_engine::erasure_run {
  erasure what;
  /// The tag of its record as it is stored, for the registry.
  std::optional<bytes> stored_tag;
  /// The erased scope, where it is known by name.
  std::string path;
  erased_child done;
};

namespace {

/// Lists a scope and all below it, with the ends of their audit chains; and
/// what was erased there before, whose chains stay.
result<void> collect(const services& with, const identity_ptr& of,
                     erasure& out) {
  if (out.scopes.size() >= limits::erased_scopes_max)
    return error{errc::too_large,
                 "more than 10000 scopes lie below; erase some of those first"};
  auto head = read_head(context_of(*of), with.records);
  if (head.has_error())
    return head.error();
  out.scopes.push_back(
    {of->tag, of->pseudonym, of->slot, head->audit_length, head->audit_head});
  out.memories += head->memory_count;
  result<void> failure;
  auto space = of->space();
  auto done = with.records.scan(
    space.range(record_kind::erasure), {},
    [&](bytes_view key, bytes_view sealed) {
      auto plain = crypto::open(of->keys.control, key, sealed);
      auto former = plain ? persistence::decode_erasure(*plain) : plain.error();
      if (former.has_error())
        failure = former.error();
      else
        out.scopes.insert(out.scopes.end(), former->scopes.begin(),
                          former->scopes.end());
      return failure.has_value();
    });
  if (done.has_error() || failure.has_error())
    return done.has_error() ? done : failure;
  done = with.catalog.children(of, [&](auto child) {
    // One whose erasure has begun was listed above.
    if (child.has_error() && child.error().code == errc::erased)
      return true;
    failure = child ? collect(with, *child, out) : child.error();
    return failure.has_value();
  });
  return done.has_error() ? done : failure;
}

} // namespace

/// Seals the record of an erasure and notes what that changes.
void scope_engine::put_erasure(change& to, erasure_run& run) {
  auto key = identity_->space().key(record_kind::erasure,
                                    view_of(run.what.scopes.front().tag));
  auto sealed = crypto::seal(identity_->keys.control, 0, key.view(),
                             persistence::encode_erasure(run.what));
  auto& registry = ledger_.head().registry;
  if (run.stored_tag)
    ledger_.remove(registry, key.view(), *run.stored_tag);
  run.stored_tag = bytes{crypto::tag_of(sealed)};
  ledger_.add(registry, key.view(), *run.stored_tag);
  to.batch->put(key, std::move(sealed));
  to.batch->set_effect(persistence::batch_effect::shrinks);
}

step scope_engine::erase(const std::shared_ptr<request>& asked) {
  const auto& name = std::get<erase_child>(asked->what).name;
  CLOISTER_ASSERT(name.parent() == identity_->name);
  auto path = std::string{name.path()};
  // Nobody makes it anew meanwhile.
  if (!children_in_flight_.insert(path).second)
    return wait{[this, asked] { return run(asked); }};
  auto run_of = std::make_shared<erasure_run>();
  run_of->path = path;
  auto listed = std::make_shared<result<void>>(
    error{errc::unavailable, "the scopes below could not be listed"});
  auto work = [listed, run_of, name, with = with_] {
    auto found = with.catalog.find(name);
    if (found.has_error())
      *listed = found.error();
    else if (!found->exact)
      *listed
        = error{errc::not_found, "nothing was ever written to this scope"};
    else
      *listed = collect(with, found->exact, run_of->what);
    if (found && found->exact)
      run_of->what.incarnation = found->exact->incarnation;
  };
  return offload{work,
                 [this, asked, run_of, listed]() -> step {
                   if (listed->has_value())
                     return intend(asked, run_of);
                   children_in_flight_.erase(run_of->path);
                   return refuse(*asked, listed->error());
                 },
                 true};
}

step scope_engine::intend(const std::shared_ptr<request>& asked,
                          const erasure_ptr& run_of) {
  auto& what = run_of->what;
  const auto& name = std::get<erase_child>(asked->what).name;
  what.at = with_.time->now();
  what.name = with_.catalog.name_hash(identity_, name.name());
  what.asked = auth::encode_audit_entry(entry_of(*asked));
  change made;
  put_erasure(made, *run_of);
  // By this a start knows where to go on.
  auto path = persistence::tags_of(*identity_);
  path.insert(path.begin(), identity_->root().tag);
  const auto& node = with_.catalog.node();
  auto key
    = node.space().key(record_kind::erasure, view_of(what.scopes.front().tag));
  made.batch->put(key, crypto::seal(node.keys.control, 0, key.view(),
                                    persistence::encode_unfinished(path)));
  made.entry = entry_of(*asked);
  made.entry.reason = "intended";
  made.entry.count = static_cast<std::uint32_t>(what.scopes.size());
  made.becomes.child = run_of->path;
  made.next = [this, run_of] {
    children_in_flight_.insert(run_of->path);
    return destroy(run_of);
  };
  return submit(std::move(made), nothing{});
}

step scope_engine::destroy(const erasure_ptr& run_of) {
  auto made = std::make_shared<change>();
  auto registry = std::make_shared<result<persistence::registry_change>>(
    error{errc::unavailable, "the erasure could not be prepared"});
  auto work = [made, registry, run_of, identity = identity_, with = with_] {
    *registry
      = with.catalog.prepare_erasure(identity, run_of->what, *made->batch);
  };
  return offload{work, [this, made, registry, run_of]() -> step {
                   if (registry->has_value())
                     return destroyed(run_of, std::move(*made), **registry);
                   children_in_flight_.erase(run_of->path);
                   return registry->error();
                 }};
}

/// The batch destroys the keys first, then makes the rest durable.
step scope_engine::destroyed(const erasure_ptr& run_of, change made,
                             const persistence::registry_change& changes) {
  auto& what = run_of->what;
  auto& registry = ledger_.head().registry;
  for (const auto& each : changes.removals)
    ledger_.remove(registry, each.key, each.tag);
  for (const auto& each : changes.additions)
    ledger_.add(registry, each.key, each.tag);
  what.phase = erasure_phase::destroyed;
  put_erasure(made, *run_of);
  auto entry = auth::decode_audit_entry(what.asked);
  if (entry.has_error())
    return entry.error();
  auto system = auth::system_authority(identity_->root().name);
  for (const auto& each : what.scopes) {
    auto end = auth::entry_for(*system, auth::operation::end_scope,
                               entry->request, with_.time->now());
    end.anchor
      = auth::audit_anchor{each.pseudonym, each.audit_length, each.audit_head};
    if (auto noted = ledger_.note(std::move(end)); noted.has_error())
      return noted.error();
  }
  made.entry = *entry;
  made.entry.at = with_.time->now();
  made.entry.count = static_cast<std::uint32_t>(what.scopes.size());
  made.becomes.child = run_of->path;
  made.next = [this, run_of]() -> step {
    with_.catalog.forget(run_of->what.scopes);
    return answer{run_of->done};
  };
  auto next = submit(std::move(made), nothing{});
  const auto& head = ledger_.head();
  run_of->done = {what.scopes.front().tag, what.incarnation, what.at,
                  what.scopes.size(),      what.memories,    identity_->tag,
                  head.audit_length - 1,   head.audit_head};
  return next;
}

/// Goes on with what a former process, or a failed write, left.
step scope_engine::finish(const std::shared_ptr<request>& asked) {
  auto what = std::get<finish_erasure>(asked->what);
  // Changes of one record must not overlap.
  barrier_ = asked.get();
  if (in_flight_ > 0)
    return wait{[this, asked] { return run(asked); }};
  auto found = std::make_shared<result<erasure_ptr>>(
    error{errc::unavailable, "the erasure could not be read"});
  auto work = [found, what, identity = identity_, records = &with_.records] {
    auto key = identity->space().key(record_kind::erasure, view_of(what.child));
    auto sealed = records->get(key);
    if (sealed.has_error() || !*sealed) {
      *found = sealed.has_error() ? result<erasure_ptr>{sealed.error()}
                                  : erasure_ptr{};
      return;
    }
    auto plain = crypto::open(identity->keys.control, key.view(), **sealed);
    auto read = plain ? persistence::decode_erasure(*plain) : plain.error();
    if (read.has_error()) {
      *found = read.error();
      return;
    }
    auto run_of = std::make_shared<erasure_run>();
    run_of->what = std::move(*read);
    run_of->stored_tag = bytes{crypto::tag_of(**sealed)};
    *found = run_of;
  };
  return offload{work, [this, asked, found, what]() -> step {
                   if (barrier_ == asked.get())
                     barrier_ = nullptr;
                   if (found->has_error())
                     return found->error();
                   const auto& run_of = **found;
                   auto phase
                     = run_of ? run_of->what.phase : erasure_phase::reclaimed;
                   if (phase == erasure_phase::intended)
                     return destroy(run_of);
                   if (phase == erasure_phase::destroyed && what.reclaim)
                     return reclaim(run_of, 0);
                   return answer{nothing{}};
                 }};
}

/// Gives the space of some records back, then of the next ones.
step scope_engine::reclaim(const erasure_ptr& run_of, std::size_t at) {
  constexpr std::size_t records_at_once = 1000;
  if (at == run_of->what.scopes.size())
    return reclaimed(run_of);
  auto made = std::make_shared<change>();
  auto found = std::make_shared<result<std::size_t>>(
    error{errc::unavailable, "the erased records could not be listed"});
  auto work = [made, found, tag = run_of->what.scopes[at].tag,
               partition = identity_->partition, records = &with_.records] {
    *found = persistence::reclaim_some(*records, partition, tag,
                                       records_at_once, *made->batch);
  };
  return offload{work,
                 [this, made, found, run_of, at]() -> step {
                   if (found->has_error())
                     return found->error();
                   auto rest = at + (**found < records_at_once ? 1u : 0u);
                   if (**found == 0)
                     return reclaim(run_of, rest);
                   made->batch->set_effect(persistence::batch_effect::shrinks);
                   made->next
                     = [this, run_of, rest] { return reclaim(run_of, rest); };
                   return send(std::move(*made), nullptr, nothing{});
                 },
                 true};
}

step scope_engine::reclaimed(const erasure_ptr& run_of) {
  change made;
  run_of->what.phase = erasure_phase::reclaimed;
  put_erasure(made, *run_of);
  // Of what was being erased below it, too.
  auto node = with_.catalog.node().space();
  for (const auto& each : run_of->what.scopes)
    made.batch->erase(node.key(record_kind::erasure, view_of(each.tag)));
  return send(std::move(made), nullptr, nothing{});
}

} // namespace cloister::engine
