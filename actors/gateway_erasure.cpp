// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Erasing whole scopes: they are closed and their actors end first, then their
// parent's does the rest. What is interrupted stays closed and goes on.

#include <algorithm>

#include "actors/gateway_impl.hpp"

namespace cloister::actors {

namespace {

constexpr std::chrono::milliseconds finish_pause_min{20};
constexpr std::chrono::milliseconds finish_pause_max{10'000};

/// Lets sessions be opened again.
class unblocking_turn {
public:
  unblocking_turn(std::shared_ptr<session_keeper> keeper, scope name)
    : keeper_(std::move(keeper)), name_(std::move(name)) {}
  unblocking_turn(const unblocking_turn&) = delete;
  unblocking_turn& operator=(const unblocking_turn&) = delete;
  ~unblocking_turn() {
    keeper_->unblock(name_);
  }

private:
  std::shared_ptr<session_keeper> keeper_;
  scope name_;
};

} // namespace

task<result<engine::answer>>
gateway::impl::ask_parent(scope parent, auth::authority_ptr who,
                          auth::operation kind, scope target,
                          auth::request_id id, engine::operation what) {
  auto grant = auth::decide(who, kind, target, options.time->now(), id);
  if (grant.has_error())
    co_return co_await refused(who, kind, id, grant.error(), target, {});
  auto asking_it = ask_granted(parent, *grant, std::move(what));
  co_return co_await asking_it;
}

task<result<engine::answer>>
gateway::impl::ask_granted(scope parent, auth::grant allowed,
                           engine::operation what) {
  gateway_call call{
    make_request(allowed, std::move(what), std::chrono::milliseconds{0}), {}};
  auto done = co_await ask(std::make_shared<scope_binding>(parent),
                           if_absent::report, call);
  if (done.has_error())
    co_return co_await told(call.asked, allowed.target(), done.error());
  if (!*done)
    co_return error{errc::not_found,
                    "nothing was ever written to this scope; `cloister scope "
                    "list` has those there are"};
  co_return std::move(**done);
}

task<result<engine::erased_child>>
gateway::erase(auth::authority_ptr who, scope target, shared_copies copies) {
  auto kind = auth::operation::erase_scope;
  auto id = auth::make_request_id(*who);
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (auto early = impl_->over_rate(*who, kind, target, grant))
    co_return co_await impl_->refused_by_rate(who, kind, id, *early);
  if (auto why = impl_->refusal(grant))
    co_return co_await impl_->refused(who, kind, id, *why, target, {});
  if (!target.parent()) {
    error why{errc::invalid_argument,
              "an organization is not erased like a scope; name one below it"};
    co_return co_await impl_->refused(who, kind, id, why, target, {});
  }
  // No catalog has these: erasing them is ending them.
  auto session = impl_->with.sessions->find(target);
  if (session && !session->resumable()) {
    if (copies == shared_copies::count) {
      auto ending
        = impl_->end_known(session, *grant, engine::session_end::scope_erased);
      co_return co_await ending;
    }
    error why{errc::invalid_argument,
              "what an ephemeral session gave to others stays with them; erase "
              "it there, or end the session without its copies"};
    co_return co_await impl_->refused(who, kind, id, why, target, {});
  }
  auto erasing_it = impl_->erase_tracing(*grant, copies);
  co_return co_await erasing_it;
}

task<result<engine::erased_child>>
gateway::impl::erase_decided(auth::grant allowed, bool is_due) {
  erasure_turn turn{erasing, allowed.target().organization()};
  if (!turn)
    co_return too_many_erasures();
  auto erasing_it = erase_in_turn(allowed, erasure_plan{is_due});
  co_return co_await erasing_it;
}

task<result<engine::erased_child>>
gateway::impl::erase_in_turn(auth::grant allowed, erasure_plan plan) {
  auto target = allowed.target();
  // Its notes would go with what is above it.
  if (erasing->has_copies_to_erase_below(target))
    co_return erasing_error();
  // Ephemeral sessions are in nobody's catalog: they end before.
  if (!keeping->block(target))
    co_return erasing_error();
  unblocking_turn blocked{keeping, target};
  auto closing = close_sessions_below(target);
  auto sessions = co_await closing;
  result<engine::erased_child> done{erasing_error()};
  auto is_closed = closed->close(target);
  engine::gone_before before{sessions.size(), 0, plan.copies};
  for (const auto& each : sessions)
    before.memories += each.session->memories();
  if (is_closed) {
    auto erasing_closed = erase_closed(allowed, plan, before);
    done = co_await erasing_closed;
  }
  auto unknown
    = is_closed && done.has_error() && done.error().code == errc::unavailable;
  // Those that were closed in vain have ended all the same; if it goes on,
  // that ends them, too.
  if (!done)
    for (auto& each : sessions)
      keeping->leave_unfinished(std::move(each));
  if (done)
    erasing->forget(target);
  if (done) {
    with.counters->scopes_erased += done->scopes;
    if (target.kind() == scope_kind::session)
      ++with.counters->sessions_ended;
  }
  // What has the name next begins with limits of its own.
  if (done)
    with.rates->forget(target);
  // Whoever has a session that has ended is told so.
  if (done && target.kind() != scope_kind::session)
    with.revocations->end_scope(target);
  // An organization's went with it.
  bool forgotten = done && !target.parent();
  if (done && target.parent()) {
    auto forgetting = forget_keys(target.organization(), target);
    forgotten = co_await forgetting;
  }
  if (forgotten)
    erasing->add_destroyed(done->tag);
  else if (done)
    erasing->look_for_begun();
  // It may have begun, and must then not be used until it is finished.
  if (unknown) {
    erasing->leave_closed(target);
    erasing->look_for_begun();
  } else if (is_closed) {
    closed->open(target);
  }
  // Behind an open door: whoever asks is told that they have ended.
  if (done)
    with.signals->ended(target);
  if (done) {
    auto forgetting_sessions = forget_sessions_below(target);
    co_await forgetting_sessions;
  }
  if (done || unknown)
    keep_finishing();
  co_return done;
}

task<result<engine::told_erasure>>
gateway::find_erasure(auth::authority_ptr who, scope target) {
  auto kind = auth::operation::sign_receipt;
  auto id = auth::make_request_id(*who);
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (auto early = impl_->over_rate(*who, kind, target, grant))
    co_return co_await impl_->refused_by_rate(who, kind, id, *early);
  if (auto why = impl_->refusal(grant))
    co_return co_await impl_->refused(who, kind, id, *why, target, {});
  auto parent = target.parent();
  if (!parent) {
    error why{errc::invalid_argument,
              "the receipt of an organization is the operator's; `cloister org "
              "receipt` signs it"};
    co_return co_await impl_->refused(who, kind, id, why, target, {});
  }
  engine::operation what{engine::find_erasure{target}};
  auto asking_it = impl_->ask_granted(*parent, *grant, std::move(what));
  auto done = co_await asking_it;
  if (done.has_error())
    co_return done.error();
  co_return std::move(std::get<engine::told_erasure>(*done));
}

task<result<void>> gateway::reinstate(auth::authority_ptr who, scope target) {
  auto kind = auth::operation::reinstate_scope;
  auto id = auth::make_request_id(*who);
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (auto early = impl_->over_rate(*who, kind, target, grant))
    co_return co_await impl_->refused_by_rate(who, kind, id, *early);
  if (auto why = impl_->refusal(grant))
    co_return co_await impl_->refused(who, kind, id, *why, target, {});
  auto parent = target.parent();
  if (!parent) {
    error why{
      errc::invalid_argument,
      "an organization is not reinstated like a scope; name one below it"};
    co_return co_await impl_->refused(who, kind, id, why, target, {});
  }
  engine::operation what{engine::reinstate_child{target}};
  auto asked
    = impl_->ask_parent(*parent, who, kind, target, id, std::move(what));
  auto done = co_await asked;
  if (done.has_error())
    co_return done.error();
  if (target.kind() == scope_kind::session)
    impl_->with.revocations->end_scope(target);
  co_return result<void>{};
}

task<result<engine::erased_child>>
gateway::impl::erase_closed(auth::grant allowed, erasure_plan plan,
                            engine::gone_before before) {
  const auto& target = allowed.target();
  auto emptied = co_await empty(target);
  if (emptied.has_error())
    co_return emptied.error();
  if (!target.parent()) {
    engine::node_operation erasing_it{
      engine::erase_organization{target, plan.is_due, before}};
    auto erased = co_await perform_on_node(std::move(erasing_it));
    if (erased.has_error())
      co_return erased.error();
    co_return std::get<engine::erased_child>(*erased);
  }
  auto session = with.sessions->find(target);
  engine::operation what{
    engine::erase_child{target,
                        session ? std::string{to_string(session->ended())} : "",
                        before,
                        {}}};
  auto asking_above
    = plan.copies_first.empty()
        ? ask_granted(*target.parent(), allowed, std::move(what))
        : erase_copies_first(allowed, plan, std::move(what));
  auto done = co_await asking_above;
  if (done.has_error())
    co_return done.error();
  co_return std::get<engine::erased_child>(*done);
}

/// Goes round as long as somebody wants it to, in the background.
void gateway::impl::keep_finishing() {
  if (erasing->begin_round())
    finish_rounds();
}

detached_task gateway::impl::finish_rounds() {
  // Of its own: another round may run once this one has ended.
  std::chrono::milliseconds pause{0};
  while (erasing->next_round()) {
    auto all = co_await finish_erasures();
    finish_pause
      = all ? std::chrono::milliseconds{0}
            : std::clamp(finish_pause * 2, finish_pause_min, finish_pause_max);
    pause = finish_pause;
  }
  auto keeper = erasing;
  if (pause.count() > 0 && keeper->set_timer())
    dispatch_after(pause, [this, keeper](dispatcher_actor::pointer) {
      keeper->timer_is_over();
      // Not where this is gone, or going.
      if (keeper->begin_round())
        finish_rounds();
    });
  keeper->leave_round();
}

/// The keys of what was erased are dead; what names them goes, too.
task<bool> gateway::impl::forget_keys(scope organization,
                                      std::optional<scope> erased) {
  auto who = auth::system_authority(organization);
  engine::operation what{engine::forget_keys{std::move(erased)}};
  auto telling
    = ask_parent(organization, who, auth::operation::revoke_key, organization,
                 auth::make_request_id(), std::move(what));
  auto done = co_await telling;
  co_return done.has_value();
}

task<bool> gateway::impl::finish_begun() {
  // Before the list is made: what is left meanwhile may not be in it.
  auto left = erasing->left();
  auto found = co_await perform_on_node(engine::list_erasures{});
  if (found.has_error())
    co_return false;
  bool all = true;
  std::set<std::string, std::less<>> intended;
  std::vector<scope> going;
  auto& list = std::get<engine::unfinished_erasures>(*found).list;
  for (const auto& each : list) {
    if (!each.name || each.destroyed)
      continue;
    intended.insert(std::string{each.name->path()});
    going.push_back(*each.name);
    if (each.copies_below)
      erasing->begin_copies_of(*each.name);
  }
  // What they need to find their copies may go with others.
  std::stable_partition(list.begin(), list.end(), [](const auto& each) {
    return each.copies_below.has_value();
  });
  for (const auto& each : list) {
    if (erasing->is_ending())
      co_return false;
    auto done = each.destroyed;
    if (!done) {
      auto finishing = finish_one(each, going);
      done = co_await finishing;
    }
    // Which door is its is not known.
    if (!done && !each.name)
      left.clear();
    if (done && each.organization) {
      auto forgetting = forget_keys(*each.organization, std::nullopt);
      done = co_await forgetting;
    }
    all = all && done;
    if (done)
      erasing->add_destroyed(each.tag);
  }
  // What did not come as far as an intent.
  for (const auto& path : left) {
    if (intended.contains(path))
      continue;
    auto name = scope::parse(path);
    erasing->forget(*name);
    closed->open(*name);
    // Or came so far that its name cannot be read any more. Rare enough to be
    // read here; the list came behind all that was written.
    auto outcome = with.catalog.find(*name);
    if (outcome.has_error() && outcome.error().code == errc::erased) {
      with.revocations->end_scope(*name);
      disabled->remove(*name);
      auto forgetting = forget_sessions_below(*name);
      co_await forgetting;
    }
  }
  co_return all;
}

task<bool> gateway::impl::reclaim_destroyed() {
  for (const auto& tag : erasing->take_destroyed())
    for (bool more = true; more && !erasing->is_ending();) {
      auto done = co_await perform_on_node(engine::reclaim_space{tag});
      if (done.has_error())
        co_return false;
      more = !std::get<engine::deleted_count>(*done).all;
    }
  co_return true;
}

task<bool> gateway::impl::finish_erasures() {
  bool all = true;
  if (erasing->must_look_for_begun())
    all = co_await finish_begun();
  auto reclaimed = co_await reclaim_destroyed();
  all = all && reclaimed;
  if (!all)
    erasing->look_for_begun();
  co_return all;
}

/// The engine that the erasure is the business of goes on with it.
task<result<engine::answer>>
gateway::impl::ask_to_finish(engine::unfinished_erasure what,
                             auth::copies_elsewhere copies) {
  engine::finish_erasure finish{what.tag, copies};
  if (!what.parent) {
    engine::node_operation of_node{finish};
    auto done = co_await perform_on_node(std::move(of_node));
    if (done && what.name) {
      disabled->remove(*what.name);
      with.rates->forget(*what.name);
    }
    co_return done;
  }
  auto who = auth::system_authority(what.parent->organization());
  engine::operation of_scope{finish};
  auto asking_above
    = ask_parent(*what.parent, who, auth::operation::end_scope, *what.parent,
                 auth::make_request_id(), std::move(of_scope));
  co_return co_await asking_above;
}

/// Destroys what was only intended to be.
task<bool> gateway::impl::finish_one(engine::unfinished_erasure what,
                                     std::vector<scope> going) {
  // Somebody is at work on its copies, and may fail.
  if (copying->blocks(what.tag))
    co_return false;
  // What has no name cannot be opened by anybody.
  if (what.name && !erasing->is_left(*what.name)) {
    // Somebody is at work on it, or on a scope above it.
    if (!closed->close(*what.name))
      co_return true;
    erasing->leave_closed(*what.name);
  }
  if (what.name) {
    auto emptied = co_await empty(*what.name);
    if (emptied.has_error())
      co_return false;
  }
  std::optional<auth::copies_elsewhere> copies{auth::copies_elsewhere{}};
  if (what.copies_below) {
    auto erasing_copies = finish_copies(what, std::move(going));
    copies = co_await erasing_copies;
  }
  if (!copies)
    co_return false;
  auto asking_above = ask_to_finish(what, *copies);
  auto done = co_await asking_above;
  if (done.has_error())
    co_return false;
  if (what.name) {
    with.rates->forget(*what.name);
    with.revocations->end_scope(*what.name);
    erasing->forget(*what.name);
    closed->open(*what.name);
    with.signals->ended(*what.name);
    auto forgetting = forget_sessions_below(*what.name);
    co_await forgetting;
  }
  co_return true;
}

} // namespace cloister::actors
