// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// API keys of an organization: made, listed, revoked, and what they may do.

#include <algorithm>

#include "auth/api_key.hpp"
#include "core/assert.hpp"
#include "core/limits.hpp"
#include "core/organization_share.hpp"
#include "core/utf8.hpp"
#include "crypto/aead.hpp"
#include "engine/revocation_reason.hpp"
#include "engine/scope_engine.hpp"

namespace cloister::engine {

using persistence::record_kind;

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

/// Whether a label can neither be taken for somebody who has no key, nor
/// confuse whoever reads it.
bool is_label(std::string_view label) {
  // Spaces, seen or not, make no other name of it.
  std::string lower;
  for (auto c : label)
    if (static_cast<unsigned char>(c) < 0x80 && c != ' ')
      lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (lower == "operator" || lower == "system" || lower == "anonymous")
    return false;
  // Nor for another key.
  if (auth::parse_key_id(label))
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
    return refuse(
      *asked, {errc::invalid_argument,
               "a label is not operator, system or anonymous, which the "
               "audit trail has for others, nor the id of a key, and has no "
               "control characters; choose another"});
  for (const auto* each :
       {&what.root, what.promote_to ? &*what.promote_to : nullptr})
    if (each != nullptr && is_ephemeral_session(*each))
      return refuse(*asked,
                    {errc::invalid_argument,
                     "an ephemeral session has no keys of its own; narrow one "
                     "that reaches it (`cloister key narrow`)"});
  // Whoever administers a part of the organization leaves room for the whole.
  auto room_of = [&](std::size_t most) {
    return who.root == identity_->name ? most : organization_share(most);
  };
  if (keys_.live(with_.time->now())
      >= room_of(limits::keys_per_organization_max))
    return refuse(*asked,
                  {errc::quota_exceeded, "the organization has too many keys; "
                                         "revoke some, or ask its own "
                                         "administrator, who may make more"});
  if (keys_.size() >= room_of(limits::keys_ever_per_organization_max))
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
                          auth::ancestors_within(who, what.ancestors),
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
  made.entry.reason
    = revocation_reason(named->id, named->narrowing, named->expires_at);
  created_key done{record, {}};
  put_key(made, std::move(record));
  return submit(std::move(made), std::move(done));
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

namespace {

/// What a key was narrowed to, and when.
struct narrowed_root {
  scope name;
  std::optional<timestamp> at;
};

/// Whether one of them was erased since: what has the name now is another. May
/// read the disk.
result<bool> is_older_than_its_scope(const services& with,
                                     const std::vector<narrowed_root>& roots) {
  for (const auto& root : roots) {
    auto erased = with.catalog.erased_at(root.name);
    if (erased.has_error())
      return erased.error();
    if (!*erased || (root.at && *root.at > **erased))
      continue;
    // Whoever has the key of a session that has ended is told just that.
    auto found = root.name.kind() == scope_kind::session
                   ? with.catalog.find(root.name)
                   : persistence::scope_lookup{};
    if (found || found.error().code != errc::erased)
      return true;
  }
  return false;
}

} // namespace

step scope_engine::authenticated(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<authenticate>(asked->what);
  auto found = keys_.find(what.id);
  auto refused = [this, asked, found](const std::string& why) -> step {
    const auto& presented = std::get<authenticate>(asked->what);
    // Who presented a key that was one is named, although it is none any more.
    auto entry = entry_of(*asked);
    entry.principal
      = found ? auth::principal_kind::key : auth::principal_kind::anonymous;
    entry.key = presented.id;
    entry.narrowings = presented.narrowings;
    entry.outcome = errc::unauthenticated;
    entry.reason = why;
    if (auto noted = note_counted(refusals_.take_before(entry.at));
        noted.has_error())
      return noted.error();
    if (refusals_.is_first(auth::to_string(presented.id) + why, entry))
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
  if (what.void_because)
    return refused(*what.void_because);
  auto who = auth::key_authority(found->record);
  std::vector<narrowed_root> roots;
  auto add_root = [&](const scope& name, std::optional<timestamp> at) {
    if (name.parent())
      roots.push_back({name, at});
  };
  const auto& record = found->record;
  add_root(record.root, record.created_at);
  if (record.promote_to)
    add_root(*record.promote_to, record.created_at);
  for (const auto& step : what.restrictions) {
    if (auto narrowed = auth::narrow(who, step); narrowed.has_error())
      return refused(narrowed.error().detail);
    if (step.scope)
      add_root(who.root, step.issued_at);
    if (step.promote_to && who.promote_to)
      add_root(*who.promote_to, step.issued_at);
  }
  for (auto& flag : with_.revocations->flags_of(record.root))
    who.revoked.push_back(std::move(flag));
  for (const auto& root : roots)
    for (auto& flag : with_.revocations->flags_of(root.name))
      who.revoked.push_back(std::move(flag));
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
  auto done = std::make_shared<const auth::authority>(std::move(who));
  if (roots.empty())
    return answer{done};
  auto outdated = std::make_shared<result<bool>>(false);
  auto work = [outdated, roots = std::move(roots), with = with_] {
    *outdated = is_older_than_its_scope(with, roots);
  };
  return offload{work, [outdated, done, refused]() -> step {
                   if (outdated->has_error())
                     return outdated->error();
                   if (**outdated)
                     return refused("the API key is older than the scope that "
                                    "it was narrowed to, which was erased "
                                    "since; ask for a new one");
                   return answer{done};
                 }};
}

} // namespace cloister::engine
