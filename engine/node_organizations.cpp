// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How organizations end: first disabled, which can be undone, then erased.

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "engine/after_commit.hpp"
#include "engine/erased_names.hpp"
#include "engine/node_engine.hpp"
#include "persistence/organization_ends.hpp"

namespace cloister::engine {

using persistence::record_kind;
using persistence::registry_change;
using persistence::write_batch;

namespace {

error no_such_organization() {
  return {errc::not_found,
          "there is no such organization; `cloister org list` has those there "
          "are"};
}

/// Fails where its erasure has begun: there is no way back from that.
result<persistence::identity_ptr> find_organization(const services& with,
                                                    const scope& name) {
  auto found = with.catalog.find(name);
  if (found.has_error())
    return found.error();
  if (!found->exact)
    return no_such_organization();
  auto key = with.catalog.node().space().key(record_kind::erasure,
                                             view_of(found->exact->tag));
  auto begun = with.records.get(key);
  if (begun.has_error())
    return begun.error();
  if (*begun)
    return error{errc::erased, "this organization is being erased; there is no "
                               "way back"};
  return found->exact;
}

/// What the registry has of a record now.
result<void> note_former(const services& with,
                         const persistence::storage_key& key,
                         registry_change& out) {
  auto old = with.records.get(key);
  if (old.has_error())
    return old.error();
  if (*old)
    out.removals.push_back({bytes{key.view()}, bytes{crypto::tag_of(**old)}});
  return {};
}

} // namespace

/// One change of the node's records, put together by a loader; one at a time
/// for each organization.
step node_engine::change_registry(auth::audit_entry entry, const scope& name,
                                  registry_work work, answer done) {
  auto path = std::string{name.path()};
  if (!organizations_in_flight_.insert(path).second)
    return wait{[this, entry, name, work, done] {
      return change_registry(entry, name, work, done);
    }};
  auto batch = std::make_shared<write_batch>();
  auto changes = std::make_shared<result<registry_change>>(
    error{errc::unavailable, "the change could not be prepared"});
  auto noted = std::make_shared<auth::audit_entry>(std::move(entry));
  auto prepare = [batch, changes, noted, work, with = with_] {
    batch->set_generation(with.records.generation());
    *changes = work(with, *batch, *noted);
  };
  return offload{
    prepare, [this, noted, path, batch, changes, done]() mutable -> step {
      if (changes->has_error()) {
        organizations_in_flight_.erase(path);
        return refuse(std::move(*noted), changes->error());
      }
      // What an older generation of the store had, this one may not have.
      if (batch->generation() != generation_) {
        organizations_in_flight_.erase(path);
        return error{errc::unavailable,
                     "the store was reopened meanwhile; try again",
                     limits::overload_retry_hint};
      }
      for (const auto& each : (*changes)->removals)
        ledger_.remove(ledger_.head().registry, each.key, each.tag);
      for (const auto& each : (*changes)->additions)
        ledger_.add(ledger_.head().registry, each.key, each.tag);
      batch->set_effect(persistence::batch_effect::shrinks);
      return submit(batch, noted.get(), path, std::move(done));
    }};
}

step node_engine::disable(const disable_organization& what) {
  auto entry = entry_of(auth::operation::disable_organization);
  auto work = [what, now = entry.at](
                const services& with, write_batch& batch,
                auth::audit_entry& noted) -> result<registry_change> {
    auto found = find_organization(with, what.name);
    if (found.has_error())
      return found.error();
    noted.wanted = (*found)->tag;
    const auto& node = with.catalog.node();
    auto key = node.space().key(record_kind::disabled, view_of((*found)->tag));
    registry_change out;
    if (auto done = note_former(with, key, out); done.has_error())
      return done.error();
    auto sealed
      = persistence::seal_disabled(node, (*found)->tag, {now, what.erased_at});
    out.additions.push_back({bytes{key.view()}, bytes{crypto::tag_of(sealed)}});
    batch.put(key, std::move(sealed));
    return out;
  };
  return change_registry(std::move(entry), what.name, work, nothing{});
}

step node_engine::keep(const keep_organization& what) {
  auto work = [what](const services& with, write_batch& batch,
                     auth::audit_entry& noted) -> result<registry_change> {
    auto found = find_organization(with, what.name);
    if (found.has_error())
      return found.error();
    noted.wanted = (*found)->tag;
    auto key = with.catalog.node().space().key(record_kind::disabled,
                                               view_of((*found)->tag));
    registry_change out;
    if (auto done = note_former(with, key, out); done.has_error())
      return done.error();
    if (out.removals.empty())
      return error{errc::conflict, "this organization is not disabled"};
    batch.erase(key);
    return out;
  };
  return change_registry(entry_of(auth::operation::keep_organization),
                         what.name, work, nothing{});
}

step node_engine::reinstate(const reinstate_organization& what) {
  auto work = [what](const services& with, write_batch& batch,
                     auth::audit_entry& entry) -> result<registry_change> {
    auto found
      = with.catalog.prepare_reinstatement(nullptr, what.name.name(), batch);
    if (found.has_error())
      return found.error();
    entry.refused = auth::refused_name{found->name, found->incarnation};
    return std::move(found->changes);
  };
  return change_registry(entry_of(auth::operation::reinstate_scope), what.name,
                         work, nothing{});
}

step node_engine::erase(const erase_organization& what) {
  auto path = std::string{what.name.path()};
  if (!organizations_in_flight_.insert(path).second)
    return wait{[this, what] { return erase(what); }};
  auto entry = entry_of(auth::operation::erase_organization);
  auto begin = [this, what, path](auth::audit_entry asked) {
    return erasures_.begin(
      {what.name, {}, what.before, {}}, std::move(asked),
      [this, path] { organizations_in_flight_.erase(path); });
  };
  if (!what.is_due)
    return begin(std::move(entry));
  entry.reason = "it was disabled, and its time has come";
  // It may be kept by now, or for longer: the record alone decides.
  auto due = std::make_shared<result<bool>>(
    error{errc::unavailable, "the organization could not be looked for"});
  auto work = [due, what, now = entry.at, with = with_] {
    auto found = find_organization(with, what.name);
    // What has begun goes on by itself.
    if (found.has_error()) {
      *due = found.error();
      return;
    }
    auto off = persistence::read_disabled(with.catalog.node(), with.records,
                                          (*found)->tag);
    *due = off ? result<bool>{*off && (*off)->erased_at <= now} : off.error();
  };
  return offload{
    work, [this, due, path, begin, entry]() -> step {
      if (*due && **due)
        return begin(entry);
      organizations_in_flight_.erase(path);
      if (due->has_error())
        return due->error();
      return error{errc::conflict, "the organization is kept, or for longer"};
    }};
}

step node_engine::disabled() const {
  auto list = std::make_shared<result<disabled_organizations>>(
    disabled_organizations{});
  auto work = [list, with = with_] {
    auto found = persistence::list_disabled(with.catalog.node(), with.records);
    if (found.has_error()) {
      *list = found.error();
      return;
    }
    for (const auto& [tag, value] : *found) {
      auto known = with.catalog.follow(tag, {});
      if (known)
        (*list)->list.push_back({(*known)->name, value.erased_at});
      // Where it cannot be known, nobody may use any.
      else if (known.error().code == errc::unavailable)
        *list = known.error();
      if (list->has_error())
        return;
    }
  };
  return offload{work, [list]() -> step {
                   if (list->has_error())
                     return list->error();
                   return answer{std::move(**list)};
                 }};
}

/// Behind what is on its way: what was erased by now is in the list.
step node_engine::erased_list() {
  return after_flush(auth::operation::list_erased_names,
                     [with = with_]() -> result<answer> {
                       auto found = collect_erased_names(with);
                       if (found.has_error())
                         return found.error();
                       return answer{erased_names{std::move(*found)}};
                     });
}

step node_engine::adopt_erased(const adopt_erased_names& what) {
  auto batch = std::make_shared<write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  for (const auto& each : what.names)
    persistence::put_erased_name(with_.catalog.node(), each, *batch);
  with_.catalog.heed_erased_names();
  return submit(batch, nullptr, {}, nothing{});
}

erasures::owner node_engine::lend_for_erasures() {
  return {
    with_,
    nullptr,
    ledger_,
    [this] { return generation_; },
    [this](auto batch, auto entries, auto then) {
      return commit_for_erasure(batch, std::move(entries), std::move(then));
    },
    [this](auto entry, auto why) { return refuse(std::move(entry), why); }};
}

step node_engine::commit_for_erasure(
  const std::shared_ptr<persistence::write_batch>& batch,
  std::vector<auth::audit_entry> entries,
  std::function<step(const result<void>&)> then) {
  if (needs_reload()) {
    stale_ = true;
    return then(error{errc::unavailable,
                      "the node is being read again; try again",
                      limits::overload_retry_hint});
  }
  return commit_entries(ledger_, {generation_, load_, in_flight_, stale_},
                        batch, entries, std::move(then));
}

} // namespace cloister::engine
