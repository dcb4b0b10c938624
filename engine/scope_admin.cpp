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

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::record_kind;

// -- keys --

/// Seals a key's record and notes what that changes.
void scope_engine::put_key(change& to, auth::key_record record) {
  const auto& organization = *identity_->organization;
  auto key = identity_->space().key(
    record_kind::api_key, key_record_rest(organization.tag, record.id));
  auto sealed = crypto::seal(identity_->keys.control, 0, key.view(),
                             auth::encode_key_record(record));
  auto tag = byte_reader{crypto::tag_of(sealed)}.array<16>();
  auto& registry = ledger_.head().registry;
  if (auto old = keys_.find(record.id))
    ledger_.remove(registry, key.view(), view_of(old->tag));
  ledger_.add(registry, key.view(), view_of(tag));
  to.batch->put(key, std::move(sealed));
  to.becomes.keys.emplace_back(std::move(record), tag);
}

namespace {

/// How far above its root a key may be given to read: not further than the key
/// that makes it. Below the maker's root that is up to the maker's root.
auth::ancestor_bound bounded(auth::ancestor_bound wanted,
                             const auth::authority& maker) {
  using kind = auth::ancestor_bound::kind;
  if (maker.ancestors.which == kind::all || wanted.which == kind::none)
    return wanted;
  auto limit = maker.ancestors.which == kind::up_to && maker.ancestors.limit
                 ? *maker.ancestors.limit
                 : maker.root;
  if (wanted.which == kind::up_to && wanted.limit
      && limit.contains(*wanted.limit))
    return wanted;
  return {kind::up_to, limit};
}

/// Whether a label can neither be taken for somebody who has no key, nor
/// confuse whoever reads it.
bool is_label(std::string_view label) {
  std::string lower{label};
  for (auto& c : lower)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (lower == "operator" || lower == "system" || lower == "anonymous")
    return false;
  return std::none_of(label.begin(), label.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

} // namespace

step scope_engine::make_key(const std::shared_ptr<request>& asked) {
  CLOISTER_ASSERT(!identity_->parent);
  const auto& what = std::get<create_key>(asked->what);
  const auto& who = asked->grant.who();
  if (what.label.size() > limits::label_bytes_max || !is_utf8(what.label))
    return refuse(*asked, {errc::invalid_argument,
                           "a label has at most 256 bytes of UTF-8"});
  if (!is_label(what.label))
    return refuse(*asked,
                  {errc::invalid_argument,
                   "a label is not operator, system or anonymous, which the "
                   "audit trail has for others, and has no control "
                   "characters; choose another"});
  if (keys_.live(with_.time->now()) >= limits::keys_per_organization_max)
    return refuse(*asked,
                  {errc::quota_exceeded, "the organization has too many keys; "
                                         "revoke some"});
  if (keys_.size() >= limits::keys_ever_per_organization_max)
    return refuse(*asked, {errc::quota_exceeded,
                           "the organization has made too many keys; let them "
                           "live longer"});
  if (keys_.lineage(who.id).size() > limits::restrictions_max)
    return refuse(*asked,
                  {errc::too_large, "a narrowed key made the key that made "
                                    "this one, and so on, too often"});
  if (!who.permissions.contains(what.permissions))
    return refuse(*asked, {errc::forbidden, "a key cannot give permissions it "
                                            "does not have"});
  if (what.promote_to && !auth::may_write_to(who, *what.promote_to))
    return refuse(*asked, {errc::forbidden,
                           "a key cannot be given a scope to share into that "
                           "its maker cannot write to"});
  auto now = with_.time->now();
  if (what.expires_at && *what.expires_at <= now)
    return refuse(*asked,
                  {errc::invalid_argument, "the expiry lies in the past"});
  auto expires = what.expires_at;
  // A key that ends cannot make one that outlives it.
  if (who.expires_at)
    expires = std::min(expires.value_or(*who.expires_at), *who.expires_at);
  const auto& signing = identity_->organization->signing.back();
  auto id = auth::make_key_id(view_of(identity_->tag), signing.first);
  auth::key_record record{id,
                          what.root,
                          what.permissions,
                          1,
                          now,
                          expires,
                          std::nullopt,
                          what.label,
                          bounded(what.ancestors, who),
                          what.promote_to,
                          {},
                          {}};
  auto maker = keys_.find(who.id);
  if (!who.narrowings.empty() || (maker && maker->record.maker))
    record.maker = {who.id, who.narrowings};
  change made;
  made.entry = entry_of(*asked);
  made.entry.reason = auth::to_string(id);
  created_key done{record, auth::make_api_key(id, signing.second)};
  put_key(made, std::move(record));
  return submit(std::move(made), std::move(done));
}

step scope_engine::keys(const std::shared_ptr<request>& asked) {
  key_list list{keys_.below(asked->grant.target())};
  auto entry = entry_of(*asked);
  entry.count = static_cast<std::uint32_t>(list.keys.size());
  return answered(std::move(entry), std::move(list));
}

namespace {

/// A key, or what it was narrowed to, and when that ends by itself.
struct named_key {
  auth::key_id id{};
  std::optional<crypto::short_digest> narrowing;
  std::optional<timestamp> expires_at;
};

/// What a key says of itself is believed only if it is genuine: else whoever
/// holds it could have a revocation forgotten.
result<named_key> name_of(const auth::presented_key& key,
                          const persistence::scope_identity& organization) {
  error unknown{errc::not_found, "the API key is not one of this organization"};
  auto signing = organization.organization->signing_key(key.signing_version());
  auto narrowings
    = signing ? auth::genuine_narrowings(key, *signing) : std::nullopt;
  if (!narrowings)
    return unknown;
  named_key out{key.id, {}, {}};
  if (!narrowings->empty())
    out.narrowing = narrowings->back();
  for (const auto& body : key.restrictions) {
    auto step = auth::decode_restriction(body);
    if (step && step->expires_at)
      out.expires_at = std::min(out.expires_at.value_or(*step->expires_at),
                                *step->expires_at);
  }
  return out;
}

/// Marks a key, or one that was narrowed from it, as revoked.
result<void> mark_revoked(auth::key_record& record, const named_key& named,
                          timestamp now) {
  if (!named.narrowing) {
    record.revoked_at = record.revoked_at.value_or(now);
    return {};
  }
  auto& revoked = record.revoked_narrowings;
  if (record.has_revoked({*named.narrowing}))
    return {};
  // Those that have ended need not be remembered.
  std::erase_if(revoked, [now](const auto& each) {
    return each.expires_at && *each.expires_at <= now;
  });
  if (revoked.size() >= limits::revoked_narrowings_max)
    return error{errc::quota_exceeded,
                 "too many keys that were narrowed from this one are revoked; "
                 "revoke the key itself"};
  revoked.push_back({*named.narrowing, named.expires_at});
  return {};
}

/// As repair reads it again.
std::string revocation_reason(const named_key& named) {
  if (!named.narrowing)
    return auth::to_string(named.id);
  auto reason = auth::to_string(named.id, *named.narrowing);
  if (named.expires_at)
    reason += " until " + to_rfc3339(*named.expires_at);
  return reason;
}

} // namespace

step scope_engine::revoke(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<revoke_key>(asked->what);
  // Several changes of one record must not overlap; revoking is rare.
  if (in_flight_ > 0) {
    barrier_ = asked.get();
    return wait{[this, asked] { return run(asked); }};
  }
  barrier_ = nullptr;
  auto named = what.presented
                 ? name_of(*what.presented, *identity_)
                 : result<named_key>{named_key{what.id, what.narrowing, {}}};
  if (named.has_error())
    return refuse(*asked, named.error());
  auto found = keys_.find(named->id);
  if (found == nullptr || !asked->grant.who().root.contains(found->record.root))
    return refuse(*asked,
                  {errc::not_found, "there is no such key; see `cloister key "
                                    "list`"});
  auto record = found->record;
  if (auto done = mark_revoked(record, *named, with_.time->now());
      done.has_error())
    return refuse(*asked, done.error());
  change made;
  made.batch->set_effect(persistence::batch_effect::shrinks);
  made.entry = entry_of(*asked);
  made.entry.reason = revocation_reason(*named);
  created_key done{record, {}};
  put_key(made, std::move(record));
  return submit(std::move(made), std::move(done));
}

// -- settings --

step scope_engine::settings(const std::shared_ptr<request>& asked) {
  return answered(entry_of(*asked), identity_->settings->now());
}

step scope_engine::configure(const std::shared_ptr<request>& asked) {
  CLOISTER_ASSERT(!identity_->parent);
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

step scope_engine::configured(const std::shared_ptr<request>& asked,
                              const result<std::optional<bytes>>& old) {
  // A reload meanwhile has let others pass.
  if (barrier_ != asked.get() || in_flight_ > 0)
    return run(asked);
  barrier_ = nullptr;
  if (old.has_error())
    return refuse(*asked, old.error());
  const auto& what = std::get<configure_organization>(asked->what);
  auto settings = identity_->settings->now();
  settings.search_language
    = what.search_language.value_or(settings.search_language);
  auto key = identity_->space().key(record_kind::settings);
  auto sealed = crypto::seal(identity_->keys.control, 0, key.view(),
                             persistence::encode_settings(settings));
  change made;
  made.entry = entry_of(*asked);
  made.entry.reason
    = "language " + std::string{to_string(settings.search_language)};
  auto& registry = ledger_.head().registry;
  if (*old)
    ledger_.remove(registry, key.view(), crypto::tag_of(**old));
  ledger_.add(registry, key.view(), crypto::tag_of(sealed));
  made.batch->put(key, std::move(sealed));
  made.becomes.settings = settings;
  return submit(std::move(made), settings);
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

namespace {

/// Whether a key as it was narrowed is void, or what made it is.
bool is_revoked(const std::vector<const key_ring::entry*>& lineage,
                std::vector<crypto::short_digest> narrowings) {
  for (const auto& key : lineage) {
    if (key->record.revoked_at || key->record.has_revoked(narrowings))
      return true;
    narrowings = key->record.maker ? key->record.maker->narrowings
                                   : std::vector<crypto::short_digest>{};
  }
  return false;
}

} // namespace

step scope_engine::authenticated(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<authenticate>(asked->what);
  auto found = keys_.find(what.id);
  auto refused = [&](const std::string& why) -> step {
    // Who presented a key that was one is named, although it is none any more.
    auto entry = entry_of(*asked);
    entry.principal
      = found ? auth::principal_kind::key : auth::principal_kind::anonymous;
    entry.key = what.id;
    entry.narrowings = what.narrowings;
    entry.outcome = errc::unauthenticated;
    entry.reason = why;
    if (auto noted = note_counted(refusals_.take_before(entry.at));
        noted.has_error())
      return noted.error();
    if (refusals_.is_first(auth::to_string(what.id) + why, entry))
      if (auto noted = ledger_.note(std::move(entry)); noted.has_error())
        return noted.error();
    return error{errc::unauthenticated, why};
  };
  if (found == nullptr)
    return refused("the API key is not known here; see that it belongs to "
                   "this store");
  auto now = with_.time->now();
  auto lineage = keys_.lineage(what.id);
  if (lineage.empty() || is_revoked(lineage, what.narrowings))
    return refused("the API key was revoked; ask for a new one");
  auto who = auth::key_authority(found->record);
  for (const auto& step : what.restrictions)
    if (auto narrowed = auth::narrow(who, step); narrowed.has_error())
      return refused(narrowed.error().detail);
  if (who.expires_at && *who.expires_at <= now)
    return refused("the API key has expired; ask for a new one");
  who.narrowings = what.narrowings;
  for (const auto& key : lineage) {
    who.revoked.push_back(key->revoked);
    if (const auto& maker = key->record.maker)
      for (const auto& narrowing : maker->narrowings)
        who.revoked.push_back(with_.revocations->flag_of(view_of(narrowing)));
  }
  for (const auto& narrowing : what.narrowings)
    who.revoked.push_back(with_.revocations->flag_of(view_of(narrowing)));
  // What the key then does is audited, operation by operation.
  return answer{std::make_shared<const auth::authority>(std::move(who))};
}

// -- scopes --

step scope_engine::make_child(const std::shared_ptr<request>& asked) {
  const auto& name = std::get<open_child>(asked->what).name;
  CLOISTER_ASSERT(name.parent() == identity_->name);
  if (auto kind = personal_data_in(name.name());
      kind && !with_.allow_personal_ids)
    // Not repeated: it would stay in the trail.
    return refuse(*asked, {errc::invalid_argument,
                           "the scope's name looks like " + std::string{*kind}
                             + "; use an opaque id instead, or give "
                               "--allow-personal-ids"});
  // One at a time, from the look-up to the commit: else a second one could
  // replace what the first one made.
  if (!children_in_flight_.insert(std::string{name.path()}).second)
    return wait{[this, asked] { return run(asked); }};
  // Reads the catalog and reserves a slot: a loader's work.
  auto made = std::make_shared<change>();
  auto child = std::make_shared<result<persistence::prepared_child>>(error{});
  auto work
    = [made, child, name, identity = identity_, catalog = &with_.catalog,
       records = &with_.records, now = with_.time->now()] {
        made->batch->set_generation(records->generation());
        auto found = catalog->find(name);
        if (found.has_error())
          *child = found.error();
        else if (found->exact)
          *child = error{errc::conflict, "the scope exists already"};
        else
          *child = catalog->prepare_child(identity, name, now, *made->batch);
      };
  return offload{work, [this, asked, made, child, name]() -> step {
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
                   return adopt_child(*asked, std::move(*made), **child);
                 }};
}

step scope_engine::adopt_child(const request& asked, change made,
                               const persistence::prepared_child& child) {
  const auto& name = child.identity->name;
  put_first_head(*made.batch, *child.identity, child.own_additions);
  for (const auto& addition : child.additions)
    ledger_.add(ledger_.head().registry, addition.key, addition.tag);
  made.entry = entry_of(asked);
  made.entry.anchor
    = auth::audit_anchor{child.identity->pseudonym, 0,
                         auth::first_head(view_of(child.identity->tag))};
  made.becomes.child = std::string{name.path()};
  return submit(std::move(made), child.identity);
}

step scope_engine::show(const std::shared_ptr<request>& asked) {
  const auto& head = ledger_.head();
  scope_info info{identity_->name,        identity_->tag,
                  identity_->incarnation, identity_->created_at,
                  head.memory_count,      head.content_bytes,
                  head.audit_length};
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
      ++out.unreadable;
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

} // namespace

step scope_engine::scopes(const std::shared_ptr<request>& asked) {
  auto limit = std::get<list_scopes>(asked->what).limit;
  auto list = std::make_shared<result<scope_list>>(scope_list{});
  auto work = [list, limit, with = with_, identity = identity_] {
    auto done = collect_scopes(with, identity, limit, **list);
    if (done.has_error())
      *list = done.error();
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
  return flushed_then(asked,
                      [with = with_, identity = identity_]() -> result<answer> {
                        auto report = verify_chains(with, identity);
                        if (report.has_error())
                          return report.error();
                        return answer{std::move(*report)};
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
