// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Sessions are opened by the engine above them. An ephemeral one ends by its
// actor, and with that its keys, being gone; then the engine above writes down
// where its audit chain ends. A resumable one is erased like any scope.

#include "actors/gateway_impl.hpp"

namespace cloister::actors {

using engine::live_session_ptr;
using engine::session_end;

namespace {

constexpr int end_tries = 6;
constexpr std::chrono::milliseconds blocked_pause{1};
constexpr int other_end_looks = 300;

error busy_error() {
  return {errc::unavailable, "the scope is being erased, or the runtime ends",
          limits::overload_retry_hint};
}

/// Counts an opening as long as it lives.
class opening_turn {
public:
  opening_turn(std::shared_ptr<session_keeper> keeper, scope parent)
    : keeper_(keeper->begin_open(parent) ? std::move(keeper) : nullptr),
      parent_(std::move(parent)) {}
  opening_turn(const opening_turn&) = delete;
  opening_turn& operator=(const opening_turn&) = delete;
  ~opening_turn() {
    if (keeper_ != nullptr)
      keeper_->end_open(parent_);
  }
  explicit operator bool() const {
    return keeper_ != nullptr;
  }

private:
  std::shared_ptr<session_keeper> keeper_;
  scope parent_;
};

bool may_try_again(const error& why) {
  return why.code == errc::unavailable || why.code == errc::overloaded
         || why.code == errc::timeout;
}

} // namespace

// -- opening --

task<result<live_session_ptr>>
gateway::open_session(auth::authority_ptr who, scope parent,
                      engine::session_terms terms) {
  auto kind = auth::operation::open_session;
  auto id = auth::make_request_id();
  auto grant = auth::decide(who, kind, parent, impl_->options.time->now(), id);
  if (grant.has_error())
    co_return co_await impl_->refused(who, kind, id, grant.error(), parent, {});
  opening_turn turn{impl_->keeping, parent};
  if (!turn)
    co_return busy_error();
  engine::operation what{engine::open_session{terms}};
  gateway_call call{
    impl_->make_request(*grant, std::move(what), std::chrono::milliseconds{0}),
    {}};
  auto binding = std::make_shared<scope_binding>(parent);
  auto done = co_await impl_->ask(binding, if_absent::create, call);
  if (done.has_error())
    co_return co_await impl_->told(call.asked, parent, done.error());
  auto& opened = std::get<engine::opened_session>(**done);
  if (!opened.session->resumable()) {
    auto starting = impl_->start_session(opened);
    auto started = co_await starting;
    if (started.has_error()) {
      impl_->with.sessions->note_lost(opened.session);
      impl_->look_after_sessions();
      co_return started.error();
    }
  }
  co_return opened.session;
}

/// Starts the actor of an ephemeral session.
task<result<void>>
gateway::impl::start_session(const engine::opened_session& opened) {
  auto records = std::make_shared<persistence::session_store>(
    with.session_files, opened.identity->space(),
    limits::session_memory_bytes_max);
  auto given = std::make_shared<session_to_adopt>();
  given->engine = std::make_unique<engine::scope_engine>(with, opened,
                                                         std::move(records));
  given->session = opened.session;
  auto adopting = adopt(std::move(given));
  auto found = co_await adopting;
  if (found.has_error())
    co_return found.error();
  keeping->remember(*opened.session, found->handle);
  co_return result<void>{};
}

// -- using --

/// Why a session cannot be used, if so.
std::optional<error> gateway::impl::session_gate(scope_binding& binding,
                                                 const auth::grant& given) {
  if (binding.name().kind() != scope_kind::session)
    return std::nullopt;
  auto session = session_of(binding);
  if (!session)
    return std::nullopt;
  auto why = session->ended();
  if (why == session_end::none)
    why = session->due();
  if (why == session_end::none && session->is_lost())
    why = session_end::failed;
  if (why == session_end::none) {
    if (given.who().kind != auth::principal_kind::system)
      session->touch();
    return std::nullopt;
  }
  if (session->ended() == session_end::none)
    look_after_sessions();
  return engine::ended_error(why);
}

live_session_ptr gateway::impl::session_of(scope_binding& binding) {
  std::lock_guard guard{binding.mutex_};
  if (!binding.session_)
    binding.session_ = with.sessions->find(binding.name());
  return binding.session_;
}

/// The catalog knows that a session has ended, and not why.
error gateway::impl::with_reason(error why, const scope& name) const {
  if (why.code != errc::erased || name.kind() != scope_kind::session)
    return why;
  auto reason = with.sessions->why_ended(name);
  return reason == session_end::none ? why : engine::ended_error(reason);
}

// -- ending --

task<result<engine::erased_child>>
gateway::end_session(auth::authority_ptr who, scope target,
                     engine::session_end why) {
  auto kind = auth::operation::end_session;
  auto id = auth::make_request_id();
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (grant.has_error())
    co_return co_await impl_->refused(who, kind, id, grant.error(), target, {});
  if (target.kind() != scope_kind::session) {
    error no_session{errc::invalid_argument,
                     "it is no session; `cloister scope erase` ends scopes"};
    co_return co_await impl_->refused(who, kind, id, no_session, target, {});
  }
  auto session = impl_->with.sessions->find(target);
  // One from before sessions were listed, or none.
  if (!session) {
    auto reason = impl_->with.sessions->why_ended(target);
    if (reason != session_end::none) {
      auto ended = engine::ended_error(reason);
      co_return co_await impl_->refused(who, kind, id, ended, target, {});
    }
    co_return co_await impl_->erase_decided(who, target, kind, id);
  }
  auto keeper = impl_->keeping;
  if (!keeper->enter())
    co_return busy_error();
  if (!session->begin_end(why)) {
    keeper->leave();
    auto ended = engine::ended_error(session->ended());
    co_return co_await impl_->refused(who, kind, id, ended, target, {});
  }
  auto ending = impl_->end_begun({session, std::nullopt, who}, id);
  auto done = co_await ending;
  keeper->leave();
  co_return done;
}

/// Ends what was marked as ended. What cannot be written down now is tried
/// again; nobody gets in meanwhile.
task<result<engine::erased_child>>
gateway::impl::end_begun(unfinished_end what, auth::request_id id) {
  if (what.session->resumable()) {
    auto erasing_it = erase_session(what, id);
    co_return co_await erasing_it;
  }
  if (auto handle = keeping->take(*what.session)) {
    auto closing = close(handle);
    auto left = co_await closing;
    if (left && left->remains)
      what.remains = std::move(*left->remains);
  }
  tell_watchers(*what.session);
  const auto& name = what.session->name();
  for (int tries = 1;; ++tries) {
    engine::operation finish{engine::finish_session{
      what.session, what.session->ended(), what.remains}};
    auto asking_above
      = ask_parent(*name.parent(), what.who, auth::operation::end_session, name,
                   id, std::move(finish));
    auto done = co_await asking_above;
    if (done) {
      with.sessions->remove(*what.session);
      co_return std::get<engine::erased_child>(*done);
    }
    if (!may_try_again(done.error()) || tries == end_tries) {
      keeping->leave_unfinished(std::move(what));
      co_return done.error();
    }
    auto pause = retry_pause(tries);
    co_await pause;
  }
}

/// A resumable session is a scope like others, and a leaf.
task<result<engine::erased_child>>
gateway::impl::erase_session(unfinished_end what, auth::request_id id) {
  const auto& name = what.session->name();
  for (int tries = 1;; ++tries) {
    auto erasing_it
      = erase_decided(what.who, name, auth::operation::end_session, id);
    auto done = co_await erasing_it;
    auto is_gone = !done
                   && (done.error().code == errc::not_found
                       || done.error().code == errc::erased);
    if (done || is_gone) {
      with.sessions->remove(*what.session);
      tell_watchers(*what.session);
      auto forgetting = forget_session(what.session);
      co_await forgetting;
      co_return done;
    }
    if (!may_try_again(done.error()) || tries == end_tries) {
      keeping->leave_unfinished(std::move(what));
      co_return done.error();
    }
    auto pause = retry_pause(tries);
    co_await pause;
  }
}

void gateway::impl::tell_watchers(engine::live_session& ended) {
  auto why = ended.ended();
  for (auto& told : ended.take_watchers())
    dispatch(
      [told = std::move(told), why](dispatcher_actor::pointer) { told(why); });
}

task<bool> gateway::impl::forget_session(live_session_ptr session) {
  engine::update_sessions what;
  what.gone.push_back(session->place());
  auto telling = perform_on_node(std::move(what));
  auto done = co_await telling;
  // If not, the next start forgets it.
  if (done)
    with.sessions->release(session->name().organization(), session->place());
  co_return done.has_value();
}

/// Somebody else ends it.
task<bool> gateway::impl::wait_for_end_of(live_session_ptr session) {
  for (int looks = 0; looks < other_end_looks; ++looks) {
    if (with.sessions->find(session->name()) != session)
      co_return true;
    auto pause = pause_for(blocked_pause);
    co_await pause;
  }
  co_return false;
}

/// Ends the ephemeral sessions at and below a scope that is to be erased; none
/// is opened there meanwhile.
task<result<void>> gateway::impl::end_sessions_below(scope target) {
  while (keeping->is_opening_below(target)) {
    auto pause = pause_for(blocked_pause);
    co_await pause;
  }
  for (const auto& session : with.sessions->below(target)) {
    if (session->resumable())
      continue;
    if (!session->begin_end(session_end::scope_erased)) {
      auto waiting = wait_for_end_of(session);
      if (!co_await waiting)
        co_return busy_error();
      continue;
    }
    auto who = auth::system_authority(target.organization());
    auto ending
      = end_begun({session, std::nullopt, who}, auth::make_request_id());
    auto done = co_await ending;
    if (done.has_error())
      co_return done.error();
  }
  co_return result<void>{};
}

/// The resumable ones are gone with the scope.
task<bool> gateway::impl::forget_sessions_below(scope target) {
  for (const auto& session : with.sessions->below(target)) {
    if (!session->begin_end(session_end::scope_erased))
      continue;
    with.sessions->remove(*session);
    tell_watchers(*session);
    auto forgetting = forget_session(session);
    co_await forgetting;
  }
  co_return true;
}

// -- looking after them --

void gateway::look_after_sessions() {
  impl_->look_after_sessions();
}

void gateway::impl::look_after_sessions() {
  if (keeping->begin_look())
    look_rounds();
}

detached_task gateway::impl::look_rounds() {
  while (keeping->next_look()) {
    auto ending = end_due();
    co_await ending;
    auto expiring = expire_in_sessions();
    co_await expiring;
    auto writing = write_uses(false);
    co_await writing;
  }
  auto keeper = keeping;
  keeper->leave();
}

task<bool> gateway::impl::end_due() {
  std::vector<unfinished_end> due = keeping->take_unfinished();
  for (const auto& session : with.sessions->take_due()) {
    auto why = session->is_lost() ? session_end::failed : session->due();
    if (!session->begin_end(why))
      continue;
    auto who = auth::system_authority(session->name().organization());
    due.push_back({session, std::nullopt, who});
  }
  auto ending = end_all(std::move(due));
  co_return co_await ending;
}

task<bool> gateway::impl::end_all(std::vector<unfinished_end> due) {
  bool all = true;
  for (std::size_t at = 0; at < due.size();) {
    std::vector<task<result<engine::erased_child>>> some;
    for (; at < due.size() && some.size() < limits::session_ends_at_a_time;
         ++at)
      some.push_back(end_begun(std::move(due[at]), auth::make_request_id()));
    all_of<result<engine::erased_child>> ending{std::move(some)};
    auto outcomes = co_await ending;
    for (const auto& done : outcomes)
      all = all && done.has_value();
  }
  co_return all;
}

/// Removes what has expired in ephemeral sessions, which no sweep knows of.
task<bool> gateway::impl::expire_in_sessions() {
  for (const auto& session : with.sessions->take_expiring()) {
    const auto& name = session->name();
    auto grant = auth::decide(auth::system_authority(name.organization()),
                              auth::operation::expire_memory, name,
                              options.time->now(), auth::make_request_id());
    if (grant.has_error())
      continue;
    gateway_call call{make_request(*grant, engine::expire_memories{},
                                   std::chrono::milliseconds{0}),
                      {}};
    auto asking_it
      = ask(std::make_shared<scope_binding>(name), if_absent::report, call);
    co_await asking_it;
  }
  co_return true;
}

/// Writes down when resumable sessions were used.
task<bool> gateway::impl::write_uses(bool all) {
  engine::update_sessions what;
  for (const auto& session : with.sessions->all())
    if (session->resumable() && session->ended() == session_end::none
        && session->take_use_to_write(all))
      what.used.push_back(session);
  if (what.used.empty())
    co_return true;
  auto telling = perform_on_node(std::move(what));
  auto done = co_await telling;
  co_return done.has_value();
}

void gateway::impl::look_at_sessions_later() {
  if (options.sweep_interval.count() == 0)
    return;
  auto pause = std::min(options.sweep_interval, limits::session_look_interval);
  dispatch_after(pause, [this, keeper = keeping](dispatcher_actor::pointer) {
    // Not where this is gone, or going.
    if (!keeper->enter())
      return;
    look_after_sessions();
    look_at_sessions_later();
    keeper->leave();
  });
}

// -- beginning and end of the process --

namespace {

/// What a start finds in the node's list.
struct found_sessions {
  std::vector<unfinished_end> dead;
  std::vector<live_session_ptr> alive;
  std::vector<std::uint64_t> gone;
};

bool is_gone(const error& why) {
  return why.code == errc::erased || why.code == errc::not_found;
}

void sort_out(const engine::services& with,
              const persistence::listed_session& each, found_sessions& out) {
  if (each.record.has_error()) {
    with.sessions->take_damaged(each.place);
    return;
  }
  auto path = each.record->path;
  if (!each.record->resumable)
    path.pop_back();
  auto found = with.catalog.follow(each.record->organization, path);
  if (found.has_error()) {
    with.sessions->take_damaged(each.place);
    if (is_gone(found.error()))
      out.gone.push_back(each.place);
    return;
  }
  const auto& name = (*found)->name;
  with.sessions->take(name.organization(), each.place);
  // The name of an ephemeral one was in memory only.
  auto known = each.record->resumable ? std::optional{name}
               : name.child("session_ended").has_value()
                 ? std::optional{*name.child("session_ended")}
                 : std::nullopt;
  if (!known)
    return;
  auto session = std::make_shared<engine::live_session>(*known, *each.record,
                                                        each.place, with.time);
  if (each.record->resumable) {
    out.alive.push_back(session);
    return;
  }
  session->begin_end(session_end::process_ended);
  out.dead.push_back(
    {session, std::nullopt, auth::system_authority(name.organization())});
}

} // namespace

/// Goes on with resumable sessions, and ends the others' audit chains: they
/// ended with the process that had their keys.
result<void> gateway::impl::bring_sessions_back() {
  auto listed = persistence::list_sessions(*over.node, *over.records);
  if (listed.has_error())
    return listed.error();
  found_sessions found;
  for (const auto& each : *listed)
    sort_out(with, each, found);
  for (const auto& session : found.alive)
    with.sessions->add(session);
  static_cast<void>(wait_for(end_all(std::move(found.dead))));
  if (!found.gone.empty()) {
    engine::update_sessions what;
    what.gone = std::move(found.gone);
    static_cast<void>(wait_for(perform_on_node(std::move(what))));
  }
  return {};
}

/// Ephemeral sessions end with the runtime.
void gateway::impl::end_all_sessions() {
  keeping->end();
  std::vector<unfinished_end> left = keeping->take_unfinished();
  for (const auto& session : with.sessions->all())
    if (!session->resumable()
        && session->begin_end(session_end::runtime_closed))
      left.push_back({session, std::nullopt,
                      auth::system_authority(session->name().organization())});
  static_cast<void>(wait_for(end_all(std::move(left))));
  static_cast<void>(wait_for(write_uses(true)));
}

} // namespace cloister::actors
