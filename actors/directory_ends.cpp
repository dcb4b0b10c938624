// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How scopes go to sleep, one by one, with all below one, or all of them.

#include <algorithm>

#include "actors/directory_state.hpp"

namespace cloister::actors {

namespace {

/// While everything is put to sleep: soon again for those that had to flush.
constexpr std::chrono::milliseconds shutdown_look_interval{2};
/// Idle scopes are looked for this often within their idle time.
constexpr int idle_looks = 8;
/// So many looks without an end, and what does not sleep is ended; its entries
/// are in the journal.
constexpr int shutdown_looks_max = 5000;
/// When memory is short, this much of the budget is freed beyond need.
constexpr int budget_slack_divisor = 10;

} // namespace

namespace {

void finish_shutdown_if_empty(directory_self self) {
  auto& state = self->state;
  if (state.shutting_down && state.entries.empty()
      && state.all_asleep.pending()) {
    state.all_asleep.deliver(slept{true});
    self->quit();
  }
}

} // namespace

/// A scope's actor has ended: asleep, or crashed.
void on_down(directory_self self, const caf::down_msg& down) {
  auto& state = self->state;
  auto known = state.by_address.find(down.source);
  if (known == state.by_address.end())
    return;
  auto [path, is_ephemeral] = known->second;
  state.by_address.erase(known);
  --state.options->node->active_scopes;
  if (is_ephemeral)
    --state.options->node->ephemeral_scopes;
  auto at = state.entries.find(path);
  auto is_session = at != state.entries.end() && at->second.never_sleeps;
  auto crashed = !is_session && down.reason
                 && down.reason != caf::error{caf::exit_reason::normal};
  if (crashed)
    state.restarts.crashed(path, state.steady());
  if (at == state.entries.end())
    return;
  auto waiting = std::move(at->second.waiting);
  auto name = at->second.name;
  state.entries.erase(at);
  for (auto& each : waiting) {
    auto may = state.restarts.may_start(path, state.steady());
    auto closed = state.options->closed->covers(name);
    if (state.shutting_down || may.has_error() || closed) {
      each.promise.deliver(failed(may.has_error()       ? may.error()
                                  : state.shutting_down ? ending_error()
                                                        : closed_error()));
      continue;
    }
    auto fresh = state.entries.find(path);
    if (fresh == state.entries.end()) {
      fresh = state.entries.emplace(path, directory_entry{name}).first;
      activate(self, name);
    }
    fresh->second.waiting.push_back(std::move(each));
  }
  finish_shutdown_if_empty(self);
}

namespace {

/// The scope has work after all: those who waited can have it.
void on_awake(directory_self self, const std::string& path) {
  auto at = self->state.entries.find(path);
  if (at == self->state.entries.end() || at->second.now != phase::stopping)
    return;
  at->second.now = phase::active;
  answer_all(at->second, found(at->second));
}

void put_to_sleep(directory_self self, directory_entry& entry,
                  bool for_good = false) {
  entry.now = phase::stopping;
  auto path = std::string{entry.name.path()};
  self->request(entry.handle, load_timeout, sleep{for_good})
    .then(
      [self, path](const slept& outcome) {
        // When it is asleep, its down message follows.
        if (!outcome.asleep)
          on_awake(self, path);
      },
      [](const caf::error&) {});
}

void sleep_least_recently_used(directory_self self) {
  auto& state = self->state;
  auto budget = static_cast<std::int64_t>(state.options->memory_budget_bytes);
  auto excess = state.options->node->memory_bytes.load() - budget;
  if (excess <= 0)
    return;
  excess += budget / budget_slack_divisor;
  std::vector<directory_entry*> candidates;
  for (auto& [path, entry] : state.entries) {
    if (entry.now == phase::active && !entry.never_sleeps)
      candidates.push_back(&entry);
    else if (entry.now == phase::stopping)
      excess -= entry.usage->memory_bytes;
  }
  std::sort(candidates.begin(), candidates.end(), [](auto a, auto b) {
    return a->usage->last_used.load() < b->usage->last_used.load();
  });
  for (auto entry : candidates) {
    if (excess <= 0)
      return;
    excess -= entry->usage->memory_bytes;
    put_to_sleep(self, *entry);
  }
}

void sleep_idle(directory_self self) {
  auto& state = self->state;
  auto now = state.steady().count();
  auto idle = std::chrono::nanoseconds{state.options->idle_after}.count();
  if (now - state.idle_checked < idle / idle_looks)
    return;
  state.idle_checked = now;
  for (auto& [path, entry] : state.entries)
    if (entry.now == phase::active && !entry.never_sleeps
        && now - entry.usage->last_used > idle)
      put_to_sleep(self, entry);
}

/// The entries at and below a scope: paths that begin alike lie together.
template <class Visit>
void for_each_below(directory_state& state, const scope& name, Visit visit) {
  auto path = std::string{name.path()};
  for (auto at = state.entries.lower_bound(path);
       at != state.entries.end() && at->first.starts_with(path); ++at)
    if (name.contains(at->second.name))
      visit(at->second);
}

} // namespace

/// Puts what is to be emptied to sleep, and ends what does not go.
void empty_on(directory_self self) {
  auto& state = self->state;
  for (auto& emptied : state.emptied) {
    auto give_up = ++emptied.looks >= shutdown_looks_max;
    bool awake = false;
    for_each_below(state, emptied.name, [&](directory_entry& entry) {
      awake = true;
      if (entry.now == phase::active)
        put_to_sleep(self, entry, true);
      if (give_up && entry.handle)
        self->send_exit(entry.handle, caf::exit_reason::kill);
    });
    if (!awake)
      emptied.asleep.deliver(slept{true});
  }
  std::erase_if(state.emptied,
                [](const auto& each) { return !each.asleep.pending(); });
  state.looks_at_emptied = !state.emptied.empty();
  if (state.looks_at_emptied)
    self->delayed_send(self, shutdown_look_interval, actors::look_at_emptied{});
}

caf::result<slept> begin_emptying(directory_self self,
                                  const empty_scope& what) {
  auto& state = self->state;
  auto promise = self->make_response_promise<slept>();
  state.emptied.push_back({what.name, promise, 0});
  if (!std::exchange(state.looks_at_emptied, true))
    self->send(self, actors::look_at_emptied{});
  return promise;
}

void look_after(directory_self self) {
  if (self->state.shutting_down) {
    for (auto& [path, entry] : self->state.entries)
      if (entry.now == phase::active)
        put_to_sleep(self, entry);
    if (++self->state.shutdown_looks == shutdown_looks_max)
      for (auto& [path, entry] : self->state.entries)
        if (entry.handle)
          self->send_exit(entry.handle, caf::exit_reason::kill);
    finish_shutdown_if_empty(self);
  } else {
    sleep_idle(self);
    sleep_least_recently_used(self);
  }
  auto pause = self->state.shutting_down ? shutdown_look_interval
                                         : directory_look_interval;
  self->delayed_send(self, pause, look_after_scopes{});
}

caf::result<slept> begin_shutdown(directory_self self) {
  auto& state = self->state;
  state.shutting_down = true;
  state.all_asleep = self->make_response_promise<slept>();
  auto promise = state.all_asleep;
  self->send(self, look_after_scopes{});
  return promise;
}

} // namespace cloister::actors
