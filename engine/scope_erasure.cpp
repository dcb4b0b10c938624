// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What a scope's engine lends to the erasure of a scope below.

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "engine/after_commit.hpp"
#include "engine/scope_engine.hpp"

namespace cloister::engine {

step scope_engine::erase(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<erase_child>(asked->what);
  const auto& name = what.name;
  CLOISTER_ASSERT(name.parent() == identity_->name);
  auto path = std::string{name.path()};
  // Nobody makes it, or makes it anew, meanwhile.
  if (!children_in_flight_.insert(path).second)
    return wait{[this, asked] { return run(asked); }};
  auto entry = entry_of(*asked);
  entry.reason = what.reason;
  return erasures_.begin(what, std::move(entry),
                         [this, path] { children_in_flight_.erase(path); });
}

step scope_engine::reinstate(const std::shared_ptr<request>& asked) {
  const auto& name = std::get<reinstate_child>(asked->what).name;
  CLOISTER_ASSERT(name.parent() == identity_->name);
  auto path = std::string{name.path()};
  if (!children_in_flight_.insert(path).second)
    return wait{[this, asked] { return run(asked); }};
  auto made = std::make_shared<change>();
  auto found = std::make_shared<result<persistence::reinstated_child>>(
    error{errc::unavailable, "the name could not be looked for"});
  auto work = [made, found, name, identity = identity_, with = with_] {
    made->batch->set_generation(with.records.generation());
    *found
      = with.catalog.prepare_reinstatement(identity, name.name(), *made->batch);
  };
  return offload{work, [this, asked, made, found, path]() -> step {
                   made->becomes.child = path;
                   if (*found && made->batch->generation() == generation_)
                     return reinstated(asked, made, **found);
                   children_in_flight_.erase(path);
                   if (found->has_error())
                     return refuse(*asked, found->error());
                   return error{errc::unavailable,
                                "the store was reopened meanwhile; try again",
                                limits::overload_retry_hint};
                 }};
}

step scope_engine::reinstated(const std::shared_ptr<request>& asked,
                              const std::shared_ptr<change>& made,
                              const persistence::reinstated_child& found) {
  auto& registry = ledger_.head().registry;
  for (const auto& each : found.changes.removals)
    ledger_.remove(registry, each.key, each.tag);
  for (const auto& each : found.changes.additions)
    ledger_.add(registry, each.key, each.tag);
  made->entry = entry_of(*asked);
  made->entry.refused = auth::refused_name{found.name, found.incarnation};
  return submit(std::move(*made), nothing{});
}

erasures::owner scope_engine::lend_for_erasures() {
  return {with_,
          identity_,
          ledger_,
          [this] { return generation_; },
          [this](auto batch, auto entries, auto then) {
            return commit_for_erasure(batch, std::move(entries),
                                      std::move(then));
          },
          [this](auto entry, auto why) {
            return refuse(std::move(entry), std::move(why));
          }};
}

step scope_engine::commit_for_erasure(
  const std::shared_ptr<persistence::write_batch>& batch,
  std::vector<auth::audit_entry> entries,
  std::function<step(const result<void>&)> then) {
  // What it was built on is about to be read again: it would be refused.
  if (needs_reload()) {
    stale_ = true;
    return then(being_read_again());
  }
  return commit_entries(ledger_, {generation_, load_, in_flight_, stale_},
                        batch, entries, std::move(then));
}

} // namespace cloister::engine
