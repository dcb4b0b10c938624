// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/sweeper.hpp"

#include <algorithm>
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
  /// Where the next round begins, if this one was too long.
  std::optional<timestamp> go_on_from;
};

using due_entries = std::vector<engine::expire_memories::due>;

/// Scopes that a round wakes at a time: others want to be read, too.
constexpr std::size_t scopes_at_once = 16;
/// Memories that one request removes.
constexpr std::size_t entries_at_once = 128;

struct sweeper_state {
  static inline const char* name = "cloister.sweeper";

  std::shared_ptr<sweeper_options> options;
  std::shared_ptr<findings> round;
  /// The next scope of the round, and how many are being worked on.
  std::size_t next = 0;
  std::size_t running = 0;
  std::optional<timestamp> go_on_from;
  bool all_done = true;
  bool busy = false;
};

using sweeper_self = sweeper_actor::stateful_pointer<sweeper_state>;

/// Runs on a loader: reads the hours since the watermark.
void find_due(const engine::services& with, std::optional<timestamp> go_on_from,
              findings& out) {
  auto now = with.time->now();
  auto at = with.expiries.watermark(now);
  if (at.has_error())
    return;
  // A clock that was ahead once must not hide what became due since.
  auto from = std::min(*at, persistence::hour_before(now));
  // What cannot be removed stays in its hours, and must not keep later ones
  // from being looked at: a round that was too long is gone on with.
  auto continued = go_on_from && *go_on_from > from && *go_on_from <= now;
  if (continued)
    from = *go_on_from;
  std::map<std::vector<persistence::scope_tag>, due_scope> grouped;
  out.complete = !continued;
  std::size_t found = 0;
  for (auto hour = from; hour <= now; hour = persistence::next_hour(hour)) {
    if (found >= persistence::expiry_index::at_once_max) {
      out.go_on_from = hour;
      break;
    }
    auto entries = with.expiries.in_hour_of(hour);
    // A damaged hour must not keep the others from being looked at.
    if (entries.has_error()) {
      out.complete = false;
      continue;
    }
    // The rest is for the next round.
    found += entries->size();
    out.complete
      = out.complete && found < persistence::expiry_index::at_once_max;
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
  auto round = std::exchange(state.round, nullptr);
  state.go_on_from = round->go_on_from;
  if (!state.all_done)
    return;
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  state.options->with.expiries.set_watermark(*batch, round->until);
  self->request(state.options->committer, commit_timeout, commit_batch{batch})
    .then([](const commit_outcome&) {}, [](const caf::error&) {});
}

void go_on(sweeper_self self);

void scope_done(sweeper_self self, bool succeeded) {
  auto& state = self->state;
  state.all_done = state.all_done && succeeded;
  --state.running;
  go_on(self);
}

/// What is due in one scope, some of it at a time.
struct scope_work {
  scope name;
  scope_actor actor;
  due_entries entries;
  std::size_t done = 0;
  bool all = true;
};

void expire_some(sweeper_self self, const std::shared_ptr<scope_work>& work) {
  auto grant = auth::decide(auth::system_authority(work->name.organization()),
                            auth::operation::expire_memory, work->name,
                            self->state.options->with.time->now(),
                            auth::make_request_id());
  if (grant.has_error()) {
    scope_done(self, false);
    return;
  }
  auto end = std::min(work->done + entries_at_once, work->entries.size());
  // What is due is removed before its key is replaced, which is asked by
  // itself.
  auto is_purge = [&](std::size_t at) {
    return work->entries[at].sequence == engine::rekey_sequence;
  };
  for (auto at = work->done + 1; at < end; ++at)
    if (is_purge(at) != is_purge(work->done))
      end = at;
  due_entries some{work->entries.begin()
                     + static_cast<std::ptrdiff_t>(work->done),
                   work->entries.begin() + static_cast<std::ptrdiff_t>(end)};
  auto asked = std::make_shared<engine::request>(
    engine::request{*grant, engine::expire_memories{std::move(some)}, {}});
  self->request(work->actor, commit_timeout, perform{asked})
    .then(
      [self, work, end](const performed& done) {
        work->done = end;
        auto failed = done.outcome->has_error();
        work->all = work->all && !failed
                    && std::get<engine::deleted_count>(**done.outcome).all;
        if (failed || end == work->entries.size())
          scope_done(self, work->all);
        else
          expire_some(self, work);
      },
      [self](const caf::error&) { scope_done(self, false); });
}

void expire_in(sweeper_self self, due_scope& due) {
  auto work = std::make_shared<scope_work>(
    scope_work{*due.name, {}, std::move(due.entries)});
  std::stable_partition(
    work->entries.begin(), work->entries.end(),
    [](const auto& entry) { return entry.sequence != engine::rekey_sequence; });
  self
    ->request(self->state.options->directory, load_timeout,
              find_scope{work->name, if_absent::report})
    .then(
      [self, work](const found_scope& found) {
        work->actor = found.handle;
        if (work->actor)
          expire_some(self, work);
        else
          scope_done(self, false);
      },
      [self](const caf::error&) { scope_done(self, false); });
}

/// The owner is gone: only the index entries are left to remove.
void forget(sweeper_self self, const due_entries& entries) {
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

/// Begins with as many scopes as may be worked on; ends the round behind the
/// last one.
void go_on(sweeper_self self) {
  auto& state = self->state;
  auto& scopes = state.round->scopes;
  while (state.next < scopes.size() && state.running < scopes_at_once) {
    auto& due = scopes[state.next++];
    if (due.name) {
      ++state.running;
      expire_in(self, due);
    } else if (due.gone) {
      ++state.running;
      forget(self, due.entries);
    } else {
      state.all_done = false;
    }
  }
  if (state.running == 0)
    finish_round(self);
}

void on_found(sweeper_self self, std::shared_ptr<findings> found) {
  auto& state = self->state;
  state.all_done = found->complete;
  state.round = std::move(found);
  state.next = 0;
  go_on(self);
}

void run_sweep(sweeper_self self) {
  auto& state = self->state;
  if (state.options->interval.count() > 0)
    self->delayed_send(self, state.options->interval, sweep{});
  if (std::exchange(state.busy, true))
    return;
  auto found = std::make_shared<findings>();
  auto work = std::make_shared<std::function<void()>>(
    [found, from = state.go_on_from, with = state.options->with] {
      // Once, for measurements; what cannot be read is tried again.
      static_cast<void>(with.catalog.count_scopes());
      find_due(with, from, *found);
    });
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
