// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/node_engine.hpp"

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "core/overloaded.hpp"
#include "core/personal_data.hpp"
#include "engine/after_commit.hpp"
#include "engine/audit_reader.hpp"
#include "engine/erasures.hpp"
#include "engine/flush_then.hpp"
#include "engine/told_erasure.hpp"
#include "persistence/organization_ends.hpp"

namespace cloister::engine {

result<loaded_node> load_node(const services& with) {
  // Before the head, so that a reopen in between is noticed.
  auto generation = with.records.generation();
  auto head = read_head(context_of(with.catalog.node()), with.records);
  if (head.has_error())
    return head.error();
  return loaded_node{generation, *head};
}

node_engine::node_engine(services with, const loaded_node& state)
  : with_(std::move(with)),
    ledger_(context_of(with_.catalog.node()), state.head, with_.journal),
    generation_(state.generation),
    erasures_(lend_for_erasures()),
    // The node has no records that entries prove.
    pruner_(lend_for_erasures(),
            [](std::uint64_t) { return std::optional<record_tag>{}; }) {}

void node_engine::reload(const loaded_node& state) {
  CLOISTER_ASSERT(in_flight_ == 0);
  ledger_.reset(state.head);
  generation_ = state.generation;
  load_ = next_load();
  stale_ = false;
}

step node_engine::begin(node_operation what) {
  return std::visit(
    overloaded{
      [&](const start_node&) { return begin_life(); },
      [&](const create_organization& op) { return create(op); },
      [&](const list_organizations&) { return list(); },
      [&](const list_node_audit& op) {
        return after_flush(
          auth::operation::list_audit,
          [wanted = op.wanted, with = with_]() -> result<answer> {
            auto page = read_node_audit(with, wanted);
            if (page.has_error())
              return page.error();
            return answer{std::move(*page)};
          });
      },
      [&](const verify_node_audit& op) {
        return after_flush(
          auth::operation::verify_audit,
          [expected = op.expected, with = with_]() -> result<answer> {
            auto report = verify_chains(with, nullptr, expected);
            if (report.has_error())
              return report.error();
            return answer{std::move(*report)};
          });
      },
      [&](const list_node_heads&) {
        return after_flush(auth::operation::sign_checkpoint,
                           [with = with_]() -> result<answer> {
                             auto found = read_chain_heads(with, nullptr);
                             if (found.has_error())
                               return found.error();
                             return answer{std::move(*found)};
                           });
      },
      [&](const export_node_chain& op) {
        return after_flush(
          auth::operation::export_audit,
          [wanted = op.wanted, with = with_]() -> result<answer> {
            auto page = read_chain(with, nullptr, wanted);
            if (page.has_error())
              return page.error();
            return answer{std::move(*page)};
          });
      },
      [&](const disable_organization& op) { return disable(op); },
      [&](const keep_organization& op) { return keep(op); },
      [&](const list_disabled&) { return disabled(); },
      [&](const erase_organization& op) { return erase(op); },
      [&](const find_organization_erasure& op) {
        return after_flush(auth::operation::sign_receipt,
                           [op, with = with_]() -> result<answer> {
                             auto found
                               = read_told_erasure(with, nullptr, op.name);
                             if (found.has_error())
                               return found.error();
                             return answer{std::move(*found)};
                           });
      },
      [&](const reinstate_organization& op) { return reinstate(op); },
      [&](const finish_erasure& op) { return erasures_.finish(op); },
      [&](const list_erased_names&) { return erased_list(); },
      [&](const adopt_erased_names& op) { return adopt_erased(op); },
      [&](const begin_rotation& op) { return begin_rotating(op); },
      [&](const rewrap_keys&) { return rewrap(); },
      [&](const finish_rotation&) { return finish_rotating(); },
      [&](const list_erasures&) { return list_unfinished(); },
      [&](const reclaim_space& op) { return reclaim(op); },
      [&](const update_sessions& op) { return update(op); },
      [&](const prune_node_chain& op) {
        return pruner_.prune(op.wanted, entry_of(auth::operation::prune_audit),
                             [] { return true; });
      },
      [&](const list_node_ended_chains& op) {
        return pruner_.list_ended(op.wanted,
                                  entry_of(auth::operation::prune_audit));
      },
      [&](const note_node& op) { return note(op); },
      [&](const note_refusals& op) -> step {
        if (auto noted = note_counted(op.entries); noted.has_error())
          return noted.error();
        return answer{nothing{}};
      },
    },
    what);
}

auth::audit_entry node_engine::entry_of(auth::operation what) const {
  auth::audit_entry entry;
  entry.at = with_.time->now();
  entry.request = auth::make_request_id();
  entry.principal = auth::principal_kind::operator_;
  entry.what = what;
  return entry;
}

step node_engine::note(const note_node& what) {
  auto entry = entry_of(what);
  if (auto noted = note_counted(refusals_.take_before(entry.at));
      noted.has_error())
    return noted.error();
  // Whoever has no key must not be able to fill the chain.
  if (what.who == auth::principal_kind::anonymous
      && !refusals_.is_first(what.reason, entry))
    return answer{nothing{}};
  if (auto noted = ledger_.note(std::move(entry)); noted.has_error())
    return noted.error();
  return answer{nothing{}};
}

result<void> node_engine::note_repeated() {
  return note_counted(refusals_.take_all());
}

result<void> node_engine::note_counted(std::vector<auth::audit_entry> entries) {
  for (auto& entry : entries)
    if (auto noted = ledger_.note(std::move(entry)); noted.has_error())
      return noted.error();
  return {};
}

auth::audit_entry node_engine::entry_of(const note_node& what) const {
  auto entry = entry_of(what.what);
  entry.principal = what.who;
  entry.outcome = what.outcome;
  entry.reason = what.reason;
  return entry;
}

step node_engine::refuse(auth::operation what, const error& why) {
  return refuse(entry_of(what), why);
}

step node_engine::refuse(auth::audit_entry entry, const error& why) {
  entry.outcome = why.code;
  entry.reason = why.detail.substr(0, limits::reason_bytes_max);
  if (auto noted = ledger_.note(std::move(entry)); noted.has_error())
    return noted.error();
  return why;
}

step node_engine::begin_life() {
  auto entry = entry_of(auth::operation::start_node);
  entry.principal = auth::principal_kind::system;
  // A node has no records with a sequence: it numbers its starts.
  ++ledger_.head().next_sequence;
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  return submit(batch, &entry, {}, nothing{});
}

step node_engine::create(const create_organization& what) {
  const auto& name = what.name;
  using mode = create_organization::mode;
  CLOISTER_ASSERT(name.kind() == scope_kind::org);
  if (auto kind = personal_data_in(name.name());
      kind && !with_.allow_personal_ids && what.how != mode::open)
    return refuse(
      auth::operation::create_organization,
      {errc::invalid_argument,
       "the organization's name looks like " + std::string{*kind}
         + "; use an opaque id instead, or give --allow-personal-ids, to "
           "`cloister serve` where there is one"});
  // One at a time, from the look-up to the commit: else a second one could find
  // it absent, and replace what the first one made.
  if (!organizations_in_flight_.insert(std::string{name.path()}).second)
    return wait{[this, what] { return create(what); }};
  auto batch = std::make_shared<persistence::write_batch>();
  auto child = std::make_shared<result<persistence::prepared_child>>(error{});
  auto work = [batch, child, what, with = with_, now = with_.time->now()] {
    batch->set_generation(with.records.generation());
    auto found = with.catalog.find(what.name);
    if (found.has_error())
      *child = found.error();
    else if (found->exact)
      *child = error{errc::conflict, "this organization exists already"};
    else if (what.how == mode::open)
      *child = error{errc::not_found, "there is no such organization; make it "
                                      "with `cloister org create`"};
    else if (with.records.is_short_of_space())
      *child = persistence::short_of_space_error();
    else
      *child = with.catalog.prepare_child(nullptr, what.name, now, *batch);
  };
  return offload{work, [this, what, batch, child] {
                   return looked_up(what, batch, *child);
                 }};
}

step node_engine::looked_up(
  const create_organization& what,
  const std::shared_ptr<persistence::write_batch>& batch,
  const result<persistence::prepared_child>& child) {
  using mode = create_organization::mode;
  // What an older generation of the store did not have, this one may have.
  auto outdated = batch->generation() != generation_;
  // Prepared before the master key was another.
  for (const auto& slot : batch->slots())
    outdated = outdated
               || slot.master_version != with_.catalog.node().master->version();
  if (child && !outdated)
    return adopt(what.name, batch, *child);
  organizations_in_flight_.erase(std::string{what.name.path()});
  if (child)
    return error{errc::unavailable,
                 "the store was reopened meanwhile; try again",
                 limits::overload_retry_hint};
  if (child.error().code == errc::conflict && what.how != mode::create)
    return answer{nothing{}};
  return refuse(what.how == mode::open ? auth::operation::bind_client
                                       : auth::operation::create_organization,
                child.error());
}

step node_engine::adopt(const scope& name,
                        const std::shared_ptr<persistence::write_batch>& batch,
                        const persistence::prepared_child& child) {
  put_first_head(*batch, *child.identity, child.own_additions);
  for (const auto& removal : child.removals)
    ledger_.remove(ledger_.head().registry, removal.key, removal.tag);
  for (const auto& addition : child.additions)
    ledger_.add(ledger_.head().registry, addition.key, addition.tag);
  auto entry = entry_of(auth::operation::create_organization);
  entry.anchor
    = auth::audit_anchor{child.identity->pseudonym, 0,
                         auth::first_head(view_of(child.identity->tag))};
  return submit(batch, &entry, std::string{name.path()}, child.identity);
}

step node_engine::submit(const std::shared_ptr<persistence::write_batch>& batch,
                         auth::audit_entry* entry, std::string name,
                         answer done) {
  // What it was built on is about to be read again: it would be refused.
  if (needs_reload()) {
    stale_ = true;
    organizations_in_flight_.erase(name);
    return error{errc::unavailable, "the node is being read again; try again",
                 limits::overload_retry_hint};
  }
  batch->set_generation(generation_);
  batch->set_load(load_);
  auto journaled = ledger_.close(*batch, entry);
  ++in_flight_;
  return commit{batch,
                [this, name = std::move(name), done = std::move(done),
                 journaled](const result<void>& outcome) mutable -> step {
                  --in_flight_;
                  organizations_in_flight_.erase(name);
                  if (outcome.has_error()) {
                    stale_ = true;
                    return outcome.error();
                  }
                  ledger_.settle(journaled);
                  return std::move(done);
                }};
}

step node_engine::flush_audit() {
  if (!ledger_.has_pending() || needs_reload())
    return answer{nothing{}};
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  return submit(batch, nullptr, {}, nothing{});
}

step node_engine::list() {
  if (auto noted = ledger_.note(entry_of(auth::operation::list_organizations));
      noted.has_error())
    return noted.error();
  auto list = std::make_shared<result<scope_list>>(scope_list{});
  auto work = [list, with = with_] {
    std::vector<persistence::identity_ptr> found;
    auto done = with.catalog.children(nullptr, [&](auto child) {
      if (child)
        found.push_back(*child);
      else if (child.error().code != errc::erased)
        ++(*list)->unreadable;
      return true;
    });
    if (done.has_error()) {
      *list = done.error();
      return;
    }
    for (const auto& org : found) {
      auto head = read_head(context_of(*org), with.records);
      if (head.has_error())
        ++(*list)->unreadable;
      else
        (*list)->scopes.push_back({org->name, org->tag, org->incarnation,
                                   org->created_at, head->memory_count,
                                   head->content_bytes, head->audit_length});
      auto off = persistence::read_disabled(with.catalog.node(), with.records,
                                            org->tag);
      if (head && off && *off)
        (*list)->scopes.back().erased_at = (*off)->erased_at;
    }
  };
  return offload{work,
                 [list]() -> step {
                   if (list->has_error())
                     return list->error();
                   return answer{std::move(**list)};
                 },
                 true};
}

/// Behind everything that is on its way, and not from a store of which it is
/// not known what was written: what is not seen then was not begun.
step node_engine::list_unfinished() {
  return behind([with = with_] {
    auto found = std::make_shared<result<std::vector<unfinished_erasure>>>(
      error{errc::unavailable, "erasures could not be listed"});
    auto work = [found, with] { *found = read_unfinished(with); };
    return offload{work, [found]() -> step {
                     if (found->has_error())
                       return found->error();
                     return answer{unfinished_erasures{std::move(**found)}};
                   }};
  });
}

/// Goes on behind everything that is on its way.
step node_engine::behind(std::function<step()> then) {
  auto nothing_more = std::make_shared<persistence::write_batch>();
  nothing_more->set_effect(persistence::batch_effect::shrinks);
  return after_commit(
    submit(nothing_more, nullptr, {}, nothing{}),
    [then = std::move(then)](const result<void>& outcome, step settled) {
      return outcome ? then() : std::move(settled);
    });
}

step node_engine::reclaim(const reclaim_space& what) {
  auto batch = std::make_shared<persistence::write_batch>();
  auto all = std::make_shared<result<bool>>(
    error{errc::unavailable, "erased records could not be listed"});
  auto work = [batch, all, what, with = with_] {
    batch->set_effect(persistence::batch_effect::shrinks);
    *all = reclaim_erasure(with, what.child, *batch);
  };
  return offload{work, [this, batch, all]() -> step {
                   if (all->has_error())
                     return all->error();
                   deleted_count done{batch->changes().size(), **all};
                   if (batch->changes().empty() && batch->slots().empty())
                     return answer{done};
                   return submit(batch, nullptr, {}, done);
                 }};
}

step node_engine::update(const update_sessions& what) {
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  const auto& node = with_.catalog.node();
  // One that has ended must not come back into the list.
  for (const auto& session : what.used)
    if (session->ended() == session_end::none)
      persistence::put_session(node, session->place(), session->record_now(),
                               *batch);
  for (auto place : what.gone)
    persistence::erase_session(node, place, *batch);
  return submit(batch, nullptr, {}, nothing{});
}

step node_engine::after_flush(auth::operation what,
                              std::function<result<answer>()> work) {
  if (auto noted = ledger_.note(entry_of(what)); noted.has_error())
    return noted.error();
  return flush_then(flush_audit(), std::move(work));
}

} // namespace cloister::engine
