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
         || why.code == errc::timeout || why.code == errc::quarantined;
}

} // namespace

// -- opening --

task<result<live_session_ptr>>
gateway::open_session(auth::authority_ptr who, scope parent,
                      engine::session_terms terms) {
  auto kind = auth::operation::open_session;
  auto id = auth::make_request_id(*who);
  auto grant = auth::decide(who, kind, parent, impl_->options.time->now(), id);
  if (auto early = impl_->over_rate(*who, kind, parent, grant))
    co_return co_await impl_->refused_by_rate(who, kind, id, *early);
  if (auto why = impl_->refusal(grant))
    co_return co_await impl_->refused(who, kind, id, *why, parent, {});
  // Before it is made for that.
  if (parent.kind() == scope_kind::session) {
    error no_scope{errc::invalid_argument,
                   "a session has no sessions; open it under the scope above"};
    co_return co_await impl_->refused(who, kind, id, no_scope, parent, {});
  }
  opening_turn turn{impl_->keeping, parent};
  if (!turn)
    co_return busy_error();
  engine::operation what{engine::open_session{terms}};
  gateway_call call{
    impl_->make_request(*grant, std::move(what), std::chrono::milliseconds{0}),
    {}};
  auto binding = std::make_shared<scope_binding>(parent);
  auto done = co_await impl_->ask(binding, if_absent::create, call);
  if (done.has_error()) {
    impl_->give_up(std::get<engine::open_session>(call.asked->what).begun);
    co_return co_await impl_->told(call.asked, parent, done.error());
  }
  auto& opened = std::get<engine::opened_session>(**done);
  if (!opened.session->resumable()) {
    auto starting = impl_->start_session(opened);
    auto started = co_await starting;
    if (started.has_error()) {
      impl_->give_up(opened.session);
      co_return started.error();
    }
  }
  // Nobody could end it before: its actor would have been missed.
  impl_->with.sessions->add(opened.session);
  co_return opened.session;
}

/// Whether it was written is not known, or it was for nothing.
void gateway::impl::give_up(const live_session_ptr& begun) {
  if (!begun || !begun->begin_end(session_end::failed))
    return;
  with.sessions->add(begun);
  keeping->leave_unfinished({begun, system_grant(begun->name())});
  look_after_sessions();
}

auth::grant gateway::impl::system_grant(const scope& session) const {
  return auth::decide(auth::system_authority(session.organization()),
                      auth::operation::end_session, session,
                      options.time->now(), auth::make_request_id())
    .value();
}

/// Starts the actor of an ephemeral session.
task<result<void>>
gateway::impl::start_session(const engine::opened_session& opened) {
  auto records = std::make_shared<persistence::session_store>(
    with.session_files, opened.identity->space(),
    limits::session_memory_bytes_max);
  auto own = with;
  own.content_cache_bytes
    = std::min(own.content_cache_bytes, limits::session_memory_bytes_max);
  auto given = std::make_shared<session_to_adopt>();
  given->engine
    = std::make_unique<engine::scope_engine>(own, opened, std::move(records));
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
  // One that has ended may have been followed by another of its name.
  if (!binding.session_ || binding.session_->ended() != session_end::none)
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
  auto id = auth::make_request_id(*who);
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (auto early = impl_->over_rate(*who, kind, target, grant))
    co_return co_await impl_->refused_by_rate(who, kind, id, *early);
  if (auto refusal = impl_->refusal(grant))
    co_return co_await impl_->refused(who, kind, id, *refusal, target, {});
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
    auto erasing_it = impl_->erase_decided(*grant);
    co_return co_await erasing_it;
  }
  auto ending = impl_->end_known(session, *grant, why);
  co_return co_await ending;
}

/// Ends one that is open, for whoever may.
task<result<engine::erased_child>>
gateway::impl::end_known(live_session_ptr session, auth::grant allowed,
                         session_end why) {
  auto keeper = keeping;
  if (!keeper->enter())
    co_return busy_error();
  if (!session->begin_end(why)) {
    keeper->leave();
    auto ended = engine::ended_error(session->ended());
    co_return co_await refused(allowed.who_ptr(), allowed.what(),
                               allowed.request(), ended, allowed.target(), {});
  }
  auto ending = end_begun({session, allowed});
  auto done = co_await ending;
  keeper->leave();
  co_return done;
}

/// Ends what was marked as ended. What cannot be written down now is tried
/// again; nobody gets in meanwhile.
task<result<engine::erased_child>>
gateway::impl::end_begun(unfinished_end what) {
  auto closing = close_begun(what);
  co_await closing;
  auto finishing = what.session->resumable() ? erase_session(std::move(what))
                                             : finish_session(std::move(what));
  co_return co_await finishing;
}

/// With its actor the keys of an ephemeral session go.
task<bool> gateway::impl::close_begun(unfinished_end& what) {
  if (what.session->resumable())
    co_return true;
  if (auto handle = keeping->take(*what.session)) {
    auto closing = close(handle);
    auto left = co_await closing;
    if (left && left->remains)
      what.remains = std::move(*left->remains);
  }
  tell_watchers(*what.session);
  co_return true;
}

/// The engine above writes down where the audit chain ends.
task<result<engine::erased_child>>
gateway::impl::finish_session(unfinished_end what) {
  auto session = what.session;
  auto parent = std::make_shared<scope_binding>(*session->name().parent());
  for (int tries = 1;; ++tries) {
    engine::operation finish{
      engine::finish_session{session, session->ended(), what.remains}};
    gateway_call call{make_request(what.allowed, std::move(finish),
                                   std::chrono::milliseconds{0}),
                      {}};
    auto asking_above = ask(parent, if_absent::report, call);
    auto done = co_await asking_above;
    if (done && *done) {
      with.sessions->remove(*session);
      co_return std::get<engine::erased_child>(**done);
    }
    // If that was written after all it must come out the same.
    what.remains = std::get<engine::finish_session>(call.asked->what).remains;
    auto why = done ? busy_error() : done.error();
    // Whoever erased what was above has told of the end.
    if (is_gone(why)) {
      auto forgetting = forget_session(session);
      co_await forgetting;
    }
    if (!may_try_again(why))
      co_return why;
    if (tries == end_tries || keeping->is_ending()) {
      keeping->leave_unfinished(std::move(what));
      co_return why;
    }
    auto pause = retry_pause(tries);
    co_await pause;
  }
}

/// A resumable session is a scope like others, and a leaf.
task<result<engine::erased_child>>
gateway::impl::erase_session(unfinished_end what) {
  auto session = what.session;
  bool is_certain = false;
  for (int tries = 1;; ++tries) {
    auto erasing_it = erase_decided(what.allowed);
    auto done = co_await erasing_it;
    // What is not there may have been written a moment ago: it is looked for
    // once more, behind all that was.
    auto gone = !done && is_gone(done.error());
    if (gone && !is_certain) {
      auto settling = perform_on_node(engine::update_sessions{});
      auto settled = co_await settling;
      is_certain = settled.has_value();
      if (is_certain)
        continue;
    }
    if (done || (gone && is_certain)) {
      auto forgetting = forget_session(session);
      co_await forgetting;
      co_return done;
    }
    auto why = gone ? busy_error() : done.error();
    if (!may_try_again(why))
      co_return why;
    if (tries >= end_tries || keeping->is_ending()) {
      keeping->leave_unfinished(std::move(what));
      co_return why;
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

/// Nothing of it is left but its place in the list.
task<bool> gateway::impl::forget_session(live_session_ptr session) {
  with.sessions->remove(*session);
  tell_watchers(*session);
  keeping->leave_place(session);
  auto giving_back = give_back_places();
  co_return co_await giving_back;
}

task<bool> gateway::impl::give_back_places() {
  auto of = keeping->take_places();
  if (of.empty())
    co_return true;
  engine::update_sessions what;
  for (const auto& each : of)
    what.gone.push_back(each->place());
  auto telling = perform_on_node(std::move(what));
  auto done = co_await telling;
  for (const auto& each : of)
    if (done)
      with.sessions->release(*each->name().parent(), each->place());
    else
      keeping->leave_place_again(each);
  co_return done.has_value();
}

/// Before a scope is erased: the actors of ephemeral sessions below it, and so
/// their keys, go. None is opened there meanwhile. The erasure tells where
/// their audit chains end.
task<std::vector<unfinished_end>>
gateway::impl::close_sessions_below(scope target) {
  while (keeping->is_opening_below(target)) {
    auto pause = pause_for(blocked_pause);
    co_await pause;
  }
  std::vector<unfinished_end> out;
  for (const auto& session : with.sessions->below(target))
    if (!session->resumable() && session->begin_end(session_end::scope_erased))
      out.push_back({session, system_grant(session->name())});
  auto closing = close_all(out);
  co_await closing;
  co_return out;
}

/// They were erased with a scope.
task<bool> gateway::impl::forget_sessions_below(scope target) {
  for (const auto& session : with.sessions->below(target)) {
    session->begin_end(session_end::scope_erased);
    with.sessions->remove(*session);
    tell_watchers(*session);
    keeping->leave_place(session);
  }
  auto giving_back = give_back_places();
  co_return co_await giving_back;
}

} // namespace cloister::actors
