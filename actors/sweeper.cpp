// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/sweeper.hpp"

#include <map>

#include <caf/all.hpp>

#include "actors/step_driver.hpp"

namespace cloister::actors {

namespace {

/// What is due in one scope.
struct due_scope {
  std::optional<scope> name;
  /// Without a name: whether there is no such scope any more, or it only could
  /// not be found now.
  bool gone = false;
  std::vector<engine::expire_memories::due> entries;
};

/// What a loader found to do.
struct findings {
  std::vector<due_scope> scopes;
  /// Everything before was looked at.
  timestamp until;
  bool complete = false;
};

struct sweeper_state {
  static inline const char* name = "cloister.sweeper";

  std::shared_ptr<sweeper_options> options;
  std::size_t scopes_left = 0;
  bool all_done = true;
  timestamp until;
  bool busy = false;
};

using sweeper_self = sweeper_actor::stateful_pointer<sweeper_state>;

/// Runs on a loader: reads the hours since the watermark.
void find_due(const engine::services& with, findings& out) {
  auto now = with.time->now();
  auto at = with.expiries.watermark(now);
  if (at.has_error())
    return;
  std::map<std::vector<persistence::scope_tag>, due_scope> grouped;
  out.complete = true;
  for (auto hour = *at; hour <= now; hour = persistence::next_hour(hour)) {
    auto entries = with.expiries.in_hour_of(hour);
    // A damaged hour must not keep the others from being looked at.
    if (entries.has_error()) {
      out.complete = false;
      continue;
    }
    // The rest of a very full hour is for the next round.
    out.complete = out.complete
                   && entries->size() < persistence::expiry_index::at_once_max;
    for (auto& entry : *entries) {
      if (entry.at > now)
        continue;
      auto path = entry.tags;
      path.insert(path.begin(), entry.organization);
      auto& group = grouped[path];
      group.entries.push_back({entry.sequence, entry.rest});
      if (group.entries.size() > 1)
        continue;
      auto owner = with.catalog.follow(entry.organization, entry.tags);
      if (owner)
        group.name = (*owner)->name;
      else
        group.gone = owner.error().code == errc::erased
                     || owner.error().code == errc::not_found;
    }
  }
  for (auto& [path, group] : grouped)
    out.scopes.push_back(std::move(group));
  // The hour that just ended is looked at once more: a write that was on its
  // way may have put something there.
  out.until = persistence::hour_before(persistence::start_of_hour(now));
}

void finish_round(sweeper_self self) {
  auto& state = self->state;
  state.busy = false;
  if (!state.all_done)
    return;
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  state.options->with.expiries.set_watermark(*batch, state.until);
  self->request(state.options->committer, commit_timeout, commit_batch{batch})
    .then([](const commit_outcome&) {}, [](const caf::error&) {});
}

void scope_done(sweeper_self self, bool succeeded) {
  auto& state = self->state;
  state.all_done = state.all_done && succeeded;
  if (--state.scopes_left == 0)
    finish_round(self);
}

void expire_in(sweeper_self self, const scope& name, const found_scope& target,
               std::vector<engine::expire_memories::due> entries) {
  auto who = auth::system_authority(name.organization());
  auto grant = auth::decide(who, auth::operation::expire_memory, name,
                            self->state.options->with.time->now(),
                            auth::make_request_id());
  if (!target.handle || grant.has_error()) {
    scope_done(self, false);
    return;
  }
  auto asked = std::make_shared<engine::request>(
    engine::request{*grant, engine::expire_memories{std::move(entries)}, {}});
  self->request(target.handle, commit_timeout, perform{asked})
    .then(
      [self](const performed& done) {
        scope_done(self, done.outcome->has_value());
      },
      [self](const caf::error&) { scope_done(self, false); });
}

/// The owner is gone: only the index entries are left to remove.
void forget(sweeper_self self,
            const std::vector<engine::expire_memories::due>& entries) {
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  for (const auto& entry : entries)
    self->state.options->with.expiries.remove(*batch, entry.index_rest);
  self
    ->request(self->state.options->committer, commit_timeout,
              commit_batch{batch})
    .then(
      [self](const commit_outcome& done) {
        scope_done(self, done.outcome.has_value());
      },
      [self](const caf::error&) { scope_done(self, false); });
}

void on_found(sweeper_self self, const std::shared_ptr<findings>& found) {
  auto& state = self->state;
  state.all_done = found->complete;
  state.until = found->until;
  // One more than there are, so that an empty round ends here too.
  state.scopes_left = found->scopes.size() + 1;
  for (auto& due : found->scopes) {
    if (!due.name) {
      if (due.gone)
        forget(self, due.entries);
      else
        scope_done(self, false);
      continue;
    }
    self
      ->request(state.options->directory, load_timeout,
                find_scope{*due.name, if_absent::report})
      .then(
        [self, name = *due.name,
         entries = std::move(due.entries)](const found_scope& target) {
          expire_in(self, name, target, entries);
        },
        [self](const caf::error&) { scope_done(self, false); });
  }
  scope_done(self, true);
}

void run_sweep(sweeper_self self) {
  auto& state = self->state;
  if (state.options->interval.count() > 0)
    self->delayed_send(self, state.options->interval, sweep{});
  if (std::exchange(state.busy, true))
    return;
  auto found = std::make_shared<findings>();
  auto work = std::make_shared<std::function<void()>>(
    [found, with = state.options->with] { find_due(with, *found); });
  self->request(state.options->loaders, load_timeout, load_job{work})
    .then([self, found](const load_done&) { on_found(self, found); },
          [self](const caf::error&) { self->state.busy = false; });
}

sweeper_actor::behavior_type
sweeper_behavior(sweeper_self self, std::shared_ptr<sweeper_options> options) {
  silence(self);
  self->state.options = std::move(options);
  if (self->state.options->interval.count() > 0)
    self->send(self, sweep{});
  return {[self](const sweep&) { run_sweep(self); }};
}

} // namespace

sweeper_actor spawn_sweeper(caf::actor_system& system,
                            sweeper_options options) {
  return system.spawn(sweeper_behavior,
                      std::make_shared<sweeper_options>(std::move(options)));
}

} // namespace cloister::actors
