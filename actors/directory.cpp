// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/directory.hpp"

#include <algorithm>
#include <map>

#include <caf/all.hpp>

#include "actors/scope.hpp"
#include "actors/step_driver.hpp"
#include "engine/activation.hpp"

namespace cloister::actors {

namespace {

constexpr std::chrono::milliseconds look_interval{200};
/// While everything is put to sleep: soon again for those that had to flush.
constexpr std::chrono::milliseconds shutdown_look_interval{2};
/// A scope that was found damaged is not read again for every caller.
constexpr std::chrono::seconds damage_remembered{2};
constexpr std::size_t damage_remembered_max = 1000;
/// Idle scopes are looked for this often within their idle time.
constexpr int idle_looks = 8;
/// So many looks without an end, and what does not sleep is ended; its entries
/// are in the journal.
constexpr int shutdown_looks_max = 5000;
/// When memory is short, this much of the budget is freed beyond need.
constexpr int budget_slack_divisor = 10;

using found_promise = caf::typed_response_promise<found_scope>;

struct waiter {
  found_promise promise;
  if_absent otherwise = if_absent::report;
};

enum class phase { activating, active, stopping };

struct directory_entry {
  scope name;
  phase now = phase::activating;
  scope_actor handle;
  std::shared_ptr<scope_usage> usage;
  std::vector<waiter> waiting;
  /// Its memories are nowhere else.
  bool never_sleeps = false;
};

found_scope failed(error why) {
  found_scope out;
  out.failure = std::move(why);
  return out;
}

struct directory_state {
  static inline const char* name = "cloister.directory";

  std::shared_ptr<directory_options> options;
  std::map<std::string, directory_entry, std::less<>> entries;
  std::unordered_map<caf::actor_addr, std::string> by_address;
  restart_policy restarts;
  /// Scopes found damaged, why, and until when they are not read again.
  std::unordered_map<std::string, std::pair<error, std::chrono::nanoseconds>>
    damaged;
  std::int64_t idle_checked = 0;
  caf::typed_response_promise<slept> all_asleep;
  bool shutting_down = false;
  int shutdown_looks = 0;
  /// Who waits until a closed scope and all below it sleep.
  struct emptied_scope {
    scope name;
    caf::typed_response_promise<slept> asleep;
    int looks = 0;
  };
  std::vector<emptied_scope> emptied;
  bool looks_at_emptied = false;

  directory_state() = default;
  directory_state(const directory_state&) = delete;
  directory_state& operator=(const directory_state&) = delete;

  /// Scopes end with their directory: nobody could find them any more. They are
  /// not linked, since a link is removed in a time that grows with their
  /// number.
  ~directory_state() {
    for (auto& [path, entry] : entries) {
      if (entry.handle)
        caf::anon_send_exit(entry.handle, caf::exit_reason::kill);
      // CAF answers only what is still in a mailbox when an actor dies.
      for (auto& waiting : entry.waiting)
        waiting.promise.deliver(failed(crashed_error()));
    }
    if (all_asleep.pending())
      all_asleep.deliver(slept{true});
    for (auto& each : emptied)
      each.asleep.deliver(slept{false});
  }

  std::chrono::nanoseconds steady() const {
    return options->with.time->steady();
  }
};

error closed_error() {
  return {errc::unavailable, "the scope is being erased",
          limits::overload_retry_hint};
}

error ending_error() {
  return {errc::unavailable, "the runtime is shutting down"};
}

using directory_self = directory_actor::stateful_pointer<directory_state>;

void activate(directory_self self, const scope& name);

found_scope found(const directory_entry& entry) {
  found_scope out;
  out.handle = entry.handle;
  out.usage = entry.usage;
  return out;
}

void answer_all(directory_entry& entry, const found_scope& answer) {
  for (auto& waiting : std::exchange(entry.waiting, {}))
    waiting.promise.deliver(answer);
}

/// Gives up on a scope that is not active.
void fail(directory_self self, const std::string& path, const error& why) {
  auto at = self->state.entries.find(path);
  if (at == self->state.entries.end())
    return;
  auto entry = std::move(at->second);
  self->state.entries.erase(at);
  answer_all(entry, failed(why));
}

// -- activation --

void start_scope(directory_self self, const std::string& path,
                 std::unique_ptr<engine::scope_engine> engine,
                 const engine::live_session_ptr& session = nullptr) {
  auto& state = self->state;
  auto& entry = state.entries.at(path);
  entry.usage = std::make_shared<scope_usage>();
  entry.usage->last_used = state.steady().count();
  entry.handle = spawn_scope(self->system(),
                             {std::move(engine), state.options->with,
                              state.options->loaders, state.options->committer,
                              entry.usage, state.options->node, session});
  entry.never_sleeps = session != nullptr;
  self->monitor(entry.handle);
  state.by_address[caf::actor_cast<caf::actor_addr>(entry.handle)] = path;
  ++state.options->node->active_scopes;
  entry.now = phase::active;
  answer_all(entry, found(entry));
}

/// The parent is active: has it create the scope, then activates that.
void create_below(directory_self self, const scope& name,
                  const found_scope& parent) {
  auto path = std::string{name.path()};
  if (parent.failure) {
    fail(self, path, *parent.failure);
    return;
  }
  auto who = auth::system_authority(name.organization());
  auto grant = auth::decide(who, auth::operation::open_scope, name,
                            self->state.options->with.time->now(),
                            auth::make_request_id());
  if (grant.has_error()) {
    fail(self, path, grant.error());
    return;
  }
  auto asked = std::make_shared<engine::request>(
    engine::request{*grant, engine::open_child{name}, {}});
  self->request(parent.handle, commit_timeout, perform{asked})
    .then(
      [self, name, path](const performed& done) {
        // A conflict says that somebody else has created it.
        auto failed = done.outcome->has_error()
                      && done.outcome->error().code != errc::conflict;
        if (failed)
          fail(self, path, done.outcome->error());
        else
          activate(self, name);
      },
      // The parent went to sleep, or crashed, between being found and being
      // asked: it is looked for once more.
      [self, name](const caf::error&) { activate(self, name); });
}

/// The scope does not exist: tells those who only look, and creates it for
/// those who write.
void on_absent(directory_self self, const std::string& path,
               const engine::activation& result) {
  auto& entry = self->state.entries.at(path);
  found_scope absent;
  absent.nearest = result.nearest;
  auto waiting = std::exchange(entry.waiting, {});
  for (auto& each : waiting) {
    if (each.otherwise == if_absent::create)
      entry.waiting.push_back(std::move(each));
    else
      each.promise.deliver(absent);
  }
  if (entry.waiting.empty()) {
    self->state.entries.erase(path);
    return;
  }
  auto name = entry.name;
  auto parent = name.parent();
  self
    ->request(directory_actor{self}, load_timeout,
              find_scope{*parent, if_absent::create})
    .then(
      [self, name](const found_scope& above) {
        create_below(self, name, above);
      },
      [self, path](const caf::error&) { fail(self, path, crashed_error()); });
}

void on_unreadable(directory_self self, const std::string& path,
                   const error& why) {
  auto& state = self->state;
  if (why.code == errc::corrupted) {
    if (state.damaged.size() >= damage_remembered_max)
      state.damaged.clear();
    state.damaged.insert_or_assign(
      path, std::pair{why, state.steady() + damage_remembered});
  }
  fail(self, path, why);
}

/// Has a loader read the scope.
void load(directory_self self, const scope& name) {
  auto result = std::make_shared<engine::activation>();
  auto work = std::make_shared<std::function<void()>>(
    [result, name, with = self->state.options->with] {
      *result = engine::activate(with, name);
    });
  auto path = std::string{name.path()};
  self->request(self->state.options->loaders, load_timeout, load_job{work})
    .then(
      [self, path, result](const load_done&) {
        if (result->failure)
          on_unreadable(self, path, *result->failure);
        else if (result->engine)
          start_scope(self, path, std::move(result->engine));
        else
          on_absent(self, path, *result);
      },
      [self, path](const caf::error&) { fail(self, path, crashed_error()); });
}

/// Reads the scope. After a crash its last batches may still be on their way;
/// what is read must be what they leave, so they go first.
void activate(directory_self self, const scope& name) {
  auto path = std::string{name.path()};
  if (!self->state.restarts.has_crashed(path)) {
    load(self, name);
    return;
  }
  auto nothing = std::make_shared<persistence::write_batch>();
  nothing->set_effect(persistence::batch_effect::shrinks);
  self
    ->request(self->state.options->committer, commit_timeout,
              commit_batch{nothing})
    .then(
      [self, name](const commit_outcome&) { load(self, name); },
      [self, path](const caf::error&) { fail(self, path, crashed_error()); });
}

caf::result<found_scope> find(directory_self self, const find_scope& wanted) {
  auto& state = self->state;
  if (state.shutting_down)
    return failed(ending_error());
  if (state.options->closed->covers(wanted.name))
    return failed(closed_error());
  auto path = std::string{wanted.name.path()};
  auto at = state.entries.find(path);
  if (at != state.entries.end() && at->second.now == phase::active)
    return found(at->second);
  if (at == state.entries.end()) {
    if (auto may = state.restarts.may_start(path, state.steady());
        may.has_error())
      return failed(may.error());
    if (auto known = state.damaged.find(path); known != state.damaged.end()) {
      if (state.steady() < known->second.second)
        return failed(known->second.first);
      state.damaged.erase(known);
    }
    at = state.entries.emplace(path, directory_entry{wanted.name}).first;
    activate(self, wanted.name);
  }
  auto promise = self->make_response_promise<found_scope>();
  at->second.waiting.push_back({promise, wanted.otherwise});
  return promise;
}

caf::result<found_scope> adopt(directory_self self,
                               const adopt_session& given) {
  auto& state = self->state;
  auto& session = *given.what;
  const auto& name = session.session->name();
  auto path = std::string{name.path()};
  if (state.shutting_down)
    return failed(ending_error());
  if (state.options->closed->covers(name))
    return failed(closed_error());
  // Somebody guessed the name, and looks for it.
  auto [at, fresh] = state.entries.try_emplace(path, directory_entry{name});
  if (!fresh)
    return failed(crashed_error());
  start_scope(self, path, std::move(session.engine), session.session);
  return found(at->second);
}

// -- the end of scopes --

void finish_shutdown_if_empty(directory_self self) {
  auto& state = self->state;
  if (state.shutting_down && state.entries.empty()
      && state.all_asleep.pending()) {
    state.all_asleep.deliver(slept{true});
    self->quit();
  }
}

/// A scope's actor has ended: asleep, or crashed.
void on_down(directory_self self, const caf::down_msg& down) {
  auto& state = self->state;
  auto known = state.by_address.find(down.source);
  if (known == state.by_address.end())
    return;
  auto path = known->second;
  state.by_address.erase(known);
  --state.options->node->active_scopes;
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

/// Puts what is to be emptied to sleep, and ends what does not go.
void look_at_emptied(directory_self self) {
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

caf::result<slept> empty(directory_self self, const empty_scope& what) {
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
  auto pause
    = self->state.shutting_down ? shutdown_look_interval : look_interval;
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

directory_actor::behavior_type
directory_behavior(directory_self self,
                   std::shared_ptr<directory_options> options) {
  silence(self);
  self->set_down_handler(
    [self](const caf::down_msg& down) { on_down(self, down); });
  self->state.options = std::move(options);
  self->delayed_send(self, look_interval, look_after_scopes{});
  return {
    [self](const find_scope& wanted) { return find(self, wanted); },
    [self](const empty_scope& what) { return empty(self, what); },
    [self](const adopt_session& what) { return adopt(self, what); },
    [self](const actors::look_at_emptied&) { look_at_emptied(self); },
    [self](const look_after_scopes&) { look_after(self); },
    [self](const shut_down&) { return begin_shutdown(self); },
  };
}

} // namespace

directory_actor spawn_directory(caf::actor_system& system,
                                directory_options options) {
  return system.spawn(directory_behavior,
                      std::make_shared<directory_options>(std::move(options)));
}

} // namespace cloister::actors
