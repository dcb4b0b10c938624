// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What happens to the API keys of scopes that were erased: their records name
// what is to be forgotten.

#include <algorithm>

#include "engine/scope_engine.hpp"

namespace cloister::engine {

namespace {

/// The scopes that a key's record names, but for its organization.
std::vector<scope> named_by(const auth::key_record& record) {
  std::vector<scope> out;
  if (record.root.parent())
    out.push_back(record.root);
  if (record.promote_to && record.promote_to->parent())
    out.push_back(*record.promote_to);
  return out;
}

bool lies_in(const scope& name, const std::vector<erased_name>& erased,
             timestamp made) {
  return std::any_of(erased.begin(), erased.end(), [&](const auto& each) {
    return each.name.contains(name) && made <= each.at;
  });
}

/// Whether that changed anything.
bool forget(auth::key_record& record, const std::vector<erased_name>& erased,
            timestamp now) {
  auto changed = false;
  if (record.promote_to
      && lies_in(*record.promote_to, erased, record.created_at)) {
    record.promote_to.reset();
    changed = true;
  }
  if (!lies_in(record.root, erased, record.created_at))
    return changed;
  record.root = record.root.organization();
  record.permissions = {};
  record.ancestors = {auth::ancestor_bound::kind::none, {}};
  record.promote_to.reset();
  record.label.clear();
  record.revoked_at = record.revoked_at.value_or(now);
  return true;
}

} // namespace

step scope_engine::forget_keys_of_erased(
  const std::shared_ptr<request>& asked) {
  const auto& what = std::get<forget_keys>(asked->what);
  if (what.erased)
    return forgotten(asked, {{*what.erased, with_.time->now()}});
  auto names = std::make_shared<std::set<std::string>>();
  for (const auto& record : keys_.below(identity_->name))
    for (const auto& name : named_by(record))
      names->insert(std::string{name.path()});
  auto erased = std::make_shared<result<std::vector<erased_name>>>(
    std::vector<erased_name>{});
  auto work = [names, erased, with = with_] {
    for (const auto& path : *names) {
      auto name = scope::parse(path);
      auto at = with.catalog.erased_at(*name);
      if (at.has_error() && at.error().code == errc::unavailable) {
        *erased = at.error();
        return;
      }
      if (at && *at)
        (*erased)->push_back({*name, **at});
    }
  };
  return offload{work, [this, asked, erased]() -> step {
                   if (erased->has_error())
                     return erased->error();
                   return forgotten(asked, **erased);
                 }};
}

step scope_engine::forgotten(const std::shared_ptr<request>& asked,
                             const std::vector<erased_name>& erased) {
  // Several changes of one record must not overlap.
  if (in_flight_ > 0) {
    barrier_ = asked.get();
    return wait{[this, asked, erased] { return forgotten(asked, erased); }};
  }
  if (barrier_ == asked.get())
    barrier_ = nullptr;
  change made;
  made.batch->set_effect(persistence::batch_effect::shrinks);
  made.entry = entry_of(*asked);
  made.entry.reason = "of what was erased";
  for (auto& record : keys_.below(identity_->name))
    if (forget(record, erased, with_.time->now())) {
      ++made.entry.count;
      put_key(made, std::move(record));
    }
  if (made.entry.count == 0)
    return answer{nothing{}};
  return submit(std::move(made), nothing{});
}

} // namespace cloister::engine
