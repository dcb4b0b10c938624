// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/directory.hpp"

#include <algorithm>

#include "actors/directory_state.hpp"
#include "engine/activation.hpp"

namespace cloister::actors {

namespace {

/// A scope that was found damaged is not read again for every caller.
constexpr std::chrono::seconds damage_remembered{2};
constexpr std::size_t damage_remembered_max = 1000;

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
  state.by_address[caf::actor_cast<caf::actor_addr>(entry.handle)]
    = {path, entry.never_sleeps};
  ++state.options->node->active_scopes;
  if (entry.never_sleeps)
    ++state.options->node->ephemeral_scopes;
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

} // namespace

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

namespace {

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

directory_actor::behavior_type
directory_behavior(directory_self self,
                   std::shared_ptr<directory_options> options) {
  silence(self);
  self->set_down_handler(
    [self](const caf::down_msg& down) { on_down(self, down); });
  self->state.options = std::move(options);
  self->delayed_send(self, directory_look_interval, look_after_scopes{});
  return {
    [self](const find_scope& wanted) { return find(self, wanted); },
    [self](const empty_scope& what) { return begin_emptying(self, what); },
    [self](const adopt_session& what) { return adopt(self, what); },
    [self](const actors::look_at_emptied&) { empty_on(self); },
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
