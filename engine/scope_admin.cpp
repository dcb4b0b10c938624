// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "core/personal_data.hpp"
#include "core/rfc3339.hpp"
#include "core/utf8.hpp"
#include "crypto/aead.hpp"
#include "engine/audit_reader.hpp"
#include "engine/flush_then.hpp"
#include "engine/scope_engine.hpp"
#include "engine/told_erasure.hpp"

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::record_kind;

// -- settings --

step scope_engine::settings(const std::shared_ptr<request>& asked) {
  return answered(entry_of(*asked), identity_->settings->now());
}

/// Why nothing is set here, whatever is asked for.
std::optional<error>
scope_engine::settings_refusal(const request& asked) const {
  auto what = std::get_if<configure_scope>(&asked.what);
  if (what == nullptr)
    return std::nullopt;
  if (!identity_->parent)
    return error{errc::invalid_argument,
                 "the limits of an organization are set by the operator: "
                 "`cloister org configure`"};
  if (identity_->ephemeral)
    return error{errc::invalid_argument,
                 "an ephemeral session has the limits of its organization "
                 "alone: `cloister org configure`"};
  if (what->limits.session_bytes_max)
    return error{errc::invalid_argument,
                 "session_bytes_max is set for an organization; of one session "
                 "set bytes_max"};
  return std::nullopt;
}

step scope_engine::configure(const std::shared_ptr<request>& asked) {
  if (auto why = settings_refusal(*asked))
    return refuse(*asked, std::move(*why));
  // Changes of one record must not overlap; configuring is rare.
  barrier_ = asked.get();
  if (in_flight_ > 0)
    return wait{[this, asked] { return run(asked); }};
  auto old
    = std::make_shared<result<std::optional<bytes>>>(std::optional<bytes>{});
  auto key = identity_->space().key(record_kind::settings);
  auto work = [old, key, records = &with_.records] {
    auto found = records->get(key);
    if (found.has_error())
      *old = found.error();
    else if (*found)
      *old = std::optional<bytes>{**found};
  };
  return offload{work, [this, asked, old] { return configured(asked, *old); }};
}

result<persistence::organization_settings>
scope_engine::settings_after(const request& asked) const {
  persistence::organization_settings out;
  const quota_changes* changes = nullptr;
  if (auto what = std::get_if<configure_organization>(&asked.what)) {
    out = identity_->settings->now();
    out.search_language = what->search_language.value_or(out.search_language);
    changes = &what->limits;
  } else {
    out.limits = limits_;
    changes = &std::get<configure_scope>(asked.what).limits;
  }
  auto limits = changed(out.limits, *changes);
  if (limits.has_error())
    return limits.error();
  out.limits = *limits;
  return out;
}

step scope_engine::configured(const std::shared_ptr<request>& asked,
                              const result<std::optional<bytes>>& old) {
  // A reload meanwhile has let others pass.
  if (barrier_ != asked.get() || in_flight_ > 0)
    return run(asked);
  barrier_ = nullptr;
  if (old.has_error())
    return refuse(*asked, old.error());
  auto settings = settings_after(*asked);
  if (settings.has_error())
    return refuse(*asked, settings.error());
  auto key = identity_->space().key(record_kind::settings);
  auto sealed = crypto::seal(identity_->keys.control, 0, key.view(),
                             persistence::encode_settings(*settings));
  change made;
  made.entry = entry_of(*asked);
  if (!identity_->parent)
    made.entry.reason
      = "language " + std::string{to_string(settings->search_language)} + "; ";
  made.entry.reason += to_string(settings->limits);
  auto& registry = ledger_.head().registry;
  if (*old)
    ledger_.remove(registry, key.view(), crypto::tag_of(**old));
  ledger_.add(registry, key.view(), crypto::tag_of(sealed));
  made.batch->put(key, std::move(sealed));
  made.becomes.settings = *settings;
  return submit(std::move(made), *settings);
}

result<void>
scope_engine::note_counted(std::vector<auth::audit_entry> entries) {
  for (auto& entry : entries)
    if (auto noted = ledger_.note(std::move(entry)); noted.has_error())
      return noted.error();
  return {};
}

result<void> scope_engine::note_repeated() {
  return note_counted(refusals_.take_all());
}

// -- scopes --

step scope_engine::create_child(const std::shared_ptr<request>& asked,
                                const scope& name) {
  CLOISTER_ASSERT(name.parent() == identity_->name);
  if (auto kind = personal_data_in(name.name());
      kind && !with_.allow_personal_ids)
    // Not repeated: it would stay in the trail.
    return refuse(*asked, {errc::invalid_argument,
                           "the scope's name looks like " + std::string{*kind}
                             + "; use an opaque id instead, or give "
                               "--allow-personal-ids, to `cloister serve` "
                               "where there is one"});
  // One at a time, from the look-up to the commit: else a second one could
  // replace what the first one made.
  if (children_in_flight_.contains(std::string{name.path()}))
    return wait{[this, asked] { return run(asked); }};
  auto session = session_in(name);
  if (session.has_error())
    return refuse(*asked, session.error());
  return make_child(asked, name, *session);
}

step scope_engine::make_child(const std::shared_ptr<request>& asked,
                              const scope& name,
                              const std::optional<session_to_open>& session) {
  children_in_flight_.insert(std::string{name.path()});
  // A name that was minted is nobody's.
  auto is_minted = std::holds_alternative<open_session>(asked->what);
  // Reads the catalog and reserves a slot: a loader's work.
  auto made = std::make_shared<change>();
  auto child = std::make_shared<result<persistence::prepared_child>>(error{});
  auto work = [made, child, name, is_minted, identity = identity_,
               catalog = &with_.catalog, records = &with_.records,
               now = with_.time->now()] {
    made->batch->set_generation(records->generation());
    auto found = is_minted ? persistence::scope_lookup{} : catalog->find(name);
    if (found.has_error())
      *child = found.error();
    else if (found->exact)
      *child = error{errc::conflict, "the scope exists already"};
    else
      *child = catalog->prepare_child(identity, name, now, *made->batch);
  };
  return offload{work, [this, asked, made, child, name, session]() -> step {
                   if (child->has_error()) {
                     children_in_flight_.erase(std::string{name.path()});
                     return refuse(*asked, child->error());
                   }
                   // What an older generation of the store did not have, this
                   // one may have.
                   if (made->batch->generation() != generation_) {
                     children_in_flight_.erase(std::string{name.path()});
                     return error{errc::unavailable,
                                  "the store was reopened meanwhile; try again",
                                  limits::overload_retry_hint};
                   }
                   return adopt_child(asked, std::move(*made), **child,
                                      session);
                 }};
}

step scope_engine::adopt_child(const std::shared_ptr<request>& asked,
                               change made,
                               const persistence::prepared_child& child,
                               const std::optional<session_to_open>& session) {
  const auto& name = child.identity->name;
  put_first_head(*made.batch, *child.identity, child.own_additions);
  for (const auto& removal : child.removals)
    ledger_.remove(ledger_.head().registry, removal.key, removal.tag);
  for (const auto& addition : child.additions)
    ledger_.add(ledger_.head().registry, addition.key, addition.tag);
  made.entry = entry_of(*asked);
  made.entry.anchor
    = auth::audit_anchor{child.identity->pseudonym, 0,
                         auth::first_head(view_of(child.identity->tag))};
  made.becomes.child = std::string{name.path()};
  auto opened
    = session ? put_session(made, *child.identity, *session) : nullptr;
  if (auto what = std::get_if<open_session>(&asked->what)) {
    // Where it is not written after all, ending it finds nothing.
    what->begun = opened;
    return submit(std::move(made), opened_session{opened, child.identity});
  }
  made.becomes.session = opened;
  return submit(std::move(made), child.identity);
}

step scope_engine::show(const std::shared_ptr<request>& asked) {
  const auto& organization = identity_->root();
  auto sees_all = asked->grant.who().root == organization.name;
  if (sees_all && !usage_->is_counted())
    return count_usage(asked);
  const auto& head = ledger_.head();
  scope_info info{identity_->name,        identity_->tag,
                  identity_->incarnation, identity_->created_at,
                  head.memory_count,      head.content_bytes,
                  head.audit_length};
  info.sessions = with_.sessions->directly_below(identity_->name);
  info.limits = limits_;
  if (sees_all)
    info.organization = scope_info::of_organization{
      usage_->total(), with_.sessions->of_organization(organization.name),
      identity_->settings->limits()};
  return answered(entry_of(*asked), std::move(info));
}

namespace {

/// Collects all scopes below one, depth first.
result<void> collect_scopes(const services& with, const identity_ptr& parent,
                            std::size_t limit, scope_list& out) {
  std::vector<identity_ptr> children;
  auto done = with.catalog.children(parent, [&](auto child) {
    if (child)
      children.push_back(*child);
    else if (child.error().code != errc::erased)
      ++out.unreadable;
    return children.size() <= limit;
  });
  // Damage to one of them is felt by that one alone.
  if (done.has_error() && done.error().code != errc::corrupted)
    return done;
  if (done.has_error())
    ++out.unreadable;
  for (const auto& child : children) {
    if (out.scopes.size() == limit) {
      out.truncated = true;
      return {};
    }
    auto head = read_head(context_of(*child), with.records);
    if (head.has_error() && head.error().code != errc::corrupted)
      return head.error();
    if (head.has_error()) {
      // It may have been erased meanwhile.
      auto entry = with.catalog.entry_of(parent, child->tag);
      out.unreadable += entry && !*entry ? 0u : 1u;
      continue;
    }
    out.scopes.push_back({child->name, child->tag, child->incarnation,
                          child->created_at, head->memory_count,
                          head->content_bytes, head->audit_length});
    if (auto below = collect_scopes(with, child, limit, out); below.has_error())
      return below;
  }
  return {};
}

/// No catalog has them.
void collect_ephemeral_sessions(const services& with, const scope& below,
                                std::size_t limit, scope_list& out) {
  for (const auto& session : with.sessions->below(below)) {
    if (session->resumable() || session->ended() != session_end::none
        || session->due() != session_end::none || session->name() == below)
      continue;
    if (out.scopes.size() == limit) {
      out.truncated = true;
      return;
    }
    out.scopes.push_back({session->name(), session->tag(), 1,
                          session->record().opened_at, session->memories(),
                          session->bytes(), 0});
  }
}

} // namespace

step scope_engine::scopes(const std::shared_ptr<request>& asked) {
  auto limit = std::get<list_scopes>(asked->what).limit;
  auto list = std::make_shared<result<scope_list>>(scope_list{});
  auto work = [list, limit, with = with_, identity = identity_] {
    auto done = collect_scopes(with, identity, limit, **list);
    if (done.has_error())
      *list = done.error();
    else
      collect_ephemeral_sessions(with, identity->name, limit, **list);
  };
  return offload{work,
                 [this, asked, list]() -> step {
                   if (list->has_error())
                     return refuse(*asked, list->error());
                   auto entry = entry_of(*asked);
                   entry.count
                     = static_cast<std::uint32_t>((*list)->scopes.size());
                   return answered(std::move(entry), std::move(**list));
                 },
                 true};
}

// -- audit --

step scope_engine::flushed_then(const std::shared_ptr<request>& asked,
                                std::function<result<answer>()> work) {
  if (auto noted = ledger_.note(entry_of(*asked)); noted.has_error())
    return noted.error();
  return flush_then(flush_audit(), std::move(work));
}

step scope_engine::audit(const std::shared_ptr<request>& asked) {
  auto wanted = std::get<list_audit>(asked->what);
  return flushed_then(
    asked, [wanted, with = with_, identity = identity_]() -> result<answer> {
      auto page = read_audit(with, identity, wanted);
      if (page.has_error())
        return page.error();
      return answer{std::move(*page)};
    });
}

step scope_engine::verify(const std::shared_ptr<request>& asked) {
  auto expected = std::get<verify_audit>(asked->what).expected;
  return flushed_then(
    asked, [expected, with = with_, identity = identity_]() -> result<answer> {
      auto report = verify_chains(with, identity, expected);
      if (report.has_error())
        return report.error();
      return answer{std::move(*report)};
    });
}

step scope_engine::chain_ends(const std::shared_ptr<request>& asked) {
  return flushed_then(asked,
                      [with = with_, identity = identity_]() -> result<answer> {
                        auto found = read_chain_heads(with, identity);
                        if (found.has_error())
                          return found.error();
                        return answer{std::move(*found)};
                      });
}

step scope_engine::exported(const std::shared_ptr<request>& asked) {
  auto wanted = std::get<export_chain>(asked->what);
  return flushed_then(
    asked, [wanted, with = with_, identity = identity_]() -> result<answer> {
      auto page = read_chain(with, identity, wanted);
      if (page.has_error())
        return page.error();
      return answer{std::move(*page)};
    });
}

step scope_engine::told(const std::shared_ptr<request>& asked) {
  auto name = std::get<find_erasure>(asked->what).name;
  return flushed_then(
    asked, [name, with = with_, identity = identity_]() -> result<answer> {
      auto found = read_told_erasure(with, identity, name);
      if (found.has_error())
        return found.error();
      return answer{std::move(*found)};
    });
}

step scope_engine::note(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<note_access>(asked->what);
  auto entry
    = auth::entry_for(*what.who, what.what, what.request, with_.time->now());
  entry.outcome = what.outcome;
  entry.reason = what.reason;
  entry.targets = what.targets;
  // By tag: the name must not outlive the scope.
  if (what.target && *what.target != identity_->name
      && identity_->root().name.contains(*what.target))
    entry.wanted = with_.catalog.first_tag_of(identity_->root(), *what.target);
  return answered(std::move(entry), nothing{});
}

} // namespace cloister::engine
