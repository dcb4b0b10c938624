// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What a scope and its organization may not exceed. A change is looked at
// before anything of it is built; what it adds is taken then, and what it gives
// up is given back once it is durable. A failed one is corrected by the reload
// that follows.

#include <map>

#include "core/limits.hpp"
#include "engine/scope_engine.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

using persistence::identity_ptr;

namespace {

/// Between two looks whether what somebody else counts is counted.
constexpr std::chrono::milliseconds count_pause{5};

usage size_of(const memory& made) {
  return {1,
          static_cast<std::int64_t>(persistence::encode_memory(made).size())};
}

identity_ptr organization_of(identity_ptr at) {
  while (at->parent)
    at = at->parent;
  return at;
}

/// Visits a scope and all below it. One that is damaged is passed over: it is
/// felt by whoever uses it.
result<void> visit_heads(const services& with, const identity_ptr& top,
                         const organization_usage::visitor& visit) {
  auto head = read_head(context_of(*top), with.records);
  if (head.has_error() && head.error().code != errc::corrupted)
    return head.error();
  if (head)
    visit(top->tag, usage::of(*head));
  result<void> failure;
  auto done = with.catalog.children(top, [&](auto child) {
    if (child)
      failure = visit_heads(with, *child, visit);
    else if (child.error().code == errc::unavailable)
      failure = child.error();
    return failure.has_value();
  });
  if (done.has_error() && done.error().code != errc::corrupted)
    return done;
  return failure;
}

} // namespace

// -- the part of this scope --

void scope_engine::enter_quotas() {
  accounted_ = usage::of(ledger_.head());
  usage_->enter(identity_->tag, usage_owner_, accounted_);
  const auto& organization = identity_->root();
  with_.rates->learn(organization.name, organization.settings);
  if (identity_->parent)
    rate_ = with_.rates->set(identity_->name, limits_, with_.time->steady());
}

void scope_engine::leave_quotas() {
  auto usage = std::exchange(usage_, nullptr);
  // It has left when it was closed.
  if (!usage)
    return;
  if (identity_->ephemeral)
    usage->end(identity_->tag, usage_owner_);
  else
    usage->leave(identity_->tag, usage_owner_, in_flight_ == 0 && !stale_);
}

void scope_engine::take_into_account(change& made) {
  auto now = usage::of(ledger_.head());
  auto by = now - accounted_;
  usage_->change(identity_->tag, by.grown());
  made.becomes.freed = by - by.grown();
  accounted_ = now;
}

void scope_engine::release(effects& becomes) {
  usage_->change(identity_->tag, std::exchange(becomes.freed, {}));
}

void scope_engine::adopt_settings(
  const persistence::organization_settings& settings) {
  if (!identity_->parent)
    identity_->settings->become(settings);
  else
    limits_ = settings.limits;
  enter_quotas();
}

// -- what changes add --

usage scope_engine::growth_of(const current_memory& old, const memory& made) {
  return size_of(made) - usage{1, static_cast<std::int64_t>(old.record.size())};
}

/// A batch may have one key several times: the later ones replace the first.
usage scope_engine::growth_of(const request& asked,
                              const std::vector<repeated_draft>& known) const {
  usage out;
  if (!bounds_contents(limits_)
      && !bounds_contents(identity_->settings->limits()))
    return out;
  const auto& what = std::get<create_memories>(asked.what);
  std::map<std::string_view, usage> replaced;
  for (std::size_t i = 0; i < what.drafts.size(); ++i) {
    if (known[i].known)
      continue;
    const auto& draft = what.drafts[i];
    auto made = shaped(draft, asked, with_.time->now());
    if (i < what.origins.size())
      made.origin = what.origins[i];
    auto size = size_of(made);
    out += size;
    if (!draft.key)
      continue;
    auto [before, fresh] = replaced.try_emplace(*draft.key);
    if (fresh)
      if (auto id = current_key(*draft.key))
        if (auto old = current(*id))
          before->second = {1, static_cast<std::int64_t>(old->record.size())};
    out += usage{} - before->second;
    before->second = size;
  }
  return out;
}

// -- whether they may --

/// Takes what a change adds. Otherwise, what is to be done instead: the
/// refusal, or counting first.
std::optional<step> scope_engine::reserve(const std::shared_ptr<request>& asked,
                                          const usage& more,
                                          std::vector<memory_id> targets) {
  if (more.grown() == usage{})
    return std::nullopt;
  auto held = usage::of(ledger_.head());
  if (auto why = quota_refusal(held, more, limits_, "the scope"))
    return refuse(*asked, std::move(*why), std::move(targets));
  auto of_all = identity_->settings->limits();
  if (!bounds_contents(of_all))
    return std::nullopt;
  if (!usage_->is_counted())
    return count_usage(asked);
  auto taken = usage_->reserve(identity_->tag, more, of_all);
  if (taken.has_error() && taken.error().code == errc::overloaded)
    return count_usage(asked);
  if (taken.has_error())
    return refuse(*asked, taken.error(), std::move(targets));
  accounted_ += more.grown();
  return std::nullopt;
}

/// Has what the organization holds counted, by a loader, and runs the operation
/// again.
step scope_engine::count_usage(const std::shared_ptr<request>& asked) {
  if (usage_->is_counting())
    return again{[this, asked] { return run(asked); }, count_pause};
  auto done = std::make_shared<result<void>>();
  auto work
    = [done, of = usage_, with = with_, top = organization_of(identity_)] {
        *done = of->count([&](const organization_usage::visitor& visit) {
          return visit_heads(with, top, visit);
        });
      };
  return offload{work,
                 [this, asked, done]() -> step {
                   if (done->has_error())
                     return refuse(*asked, done->error());
                   return run(asked);
                 },
                 true};
}

} // namespace cloister::engine
