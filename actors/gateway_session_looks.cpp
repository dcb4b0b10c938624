// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Sessions that end without anybody asking: those that are due, those whose end
// could not be written down at once, and at both ends of a process.

#include "actors/gateway_impl.hpp"
#include "core/encoding.hpp"

namespace cloister::actors {

using engine::live_session_ptr;
using engine::session_end;

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
    erase_due_organizations();
    auto expiring = expire_in_sessions();
    co_await expiring;
    auto writing = write_uses(false);
    co_await writing;
  }
  auto keeper = keeping;
  keeper->leave();
}

task<bool> gateway::impl::end_due() {
  std::vector<unfinished_end> due;
  for (const auto& session : with.sessions->take_due()) {
    auto why = session->is_lost() ? session_end::failed : session->due();
    // It may have been used in between.
    if (why == session_end::none)
      with.sessions->reschedule(session);
    else if (session->begin_end(why))
      due.push_back({session, system_grant(session->name())});
  }
  // Not what was erased meanwhile, with what was above.
  for (auto& each : keeping->take_unfinished())
    if (with.sessions->find(each.session->name()) == each.session)
      due.push_back(std::move(each));
  auto ending = end_all(std::move(due));
  auto all = co_await ending;
  auto giving_back = give_back_places();
  auto given_back = co_await giving_back;
  auto settling = settle_uncertain();
  co_await settling;
  co_return all&& given_back;
}

/// The actors of all of them: first of all the keys go.
task<bool> gateway::impl::close_all(std::vector<unfinished_end>& all) {
  for (std::size_t at = 0; at < all.size();) {
    std::vector<task<bool>> some;
    for (; at < all.size() && some.size() < limits::session_ends_at_a_time;
         ++at)
      some.push_back(close_begun(all[at]));
    all_of<bool> closing{std::move(some)};
    auto closed_some = co_await closing;
    static_cast<void>(closed_some);
  }
  co_return true;
}

task<bool> gateway::impl::end_all(std::vector<unfinished_end> due) {
  auto closing = close_all(due);
  co_await closing;
  bool all = true;
  for (std::size_t at = 0; at < due.size();) {
    std::vector<task<result<engine::erased_child>>> some;
    for (; at < due.size() && some.size() < limits::session_ends_at_a_time;
         ++at) {
      auto& each = due[at];
      some.push_back(each.session->resumable()
                       ? erase_session(std::move(each))
                       : finish_session(std::move(each)));
    }
    all_of<result<engine::erased_child>> ending{std::move(some)};
    auto outcomes = co_await ending;
    for (const auto& done : outcomes)
      all = all && done.has_value();
  }
  co_return all;
}

/// Sessions of which it is not known whether the first write has opened them.
task<bool> gateway::impl::settle_uncertain() {
  auto uncertain = with.sessions->take_all_uncertain();
  if (uncertain.empty())
    co_return true;
  auto settling = perform_on_node(engine::update_sessions{});
  auto settled = co_await settling;
  for (const auto& each : uncertain) {
    if (settled.has_error()) {
      with.sessions->note_uncertain(each);
      continue;
    }
    auto finding = find(each->name(), if_absent::report);
    auto found = co_await finding;
    if (found && found->handle && !with.sessions->find(each->name()))
      with.sessions->add(each);
    else if (found || is_gone(found.error()))
      keeping->leave_place(each);
    else
      with.sessions->note_uncertain(each);
  }
  auto giving_back = give_back_places();
  co_return co_await giving_back;
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
    auto done = co_await asking_it;
    if (done.has_error())
      with.sessions->note_expiry(name, options.time->now());
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
  std::vector<live_session_ptr> dead;
  std::vector<std::uint64_t> gone;
};

const persistence::scope_tag& path_of(const persistence::listed_session& of) {
  return of.record->path.back();
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
  if (found.has_error() && is_gone(found.error())) {
    with.sessions->take_stale(each.place);
    // The end of an ephemeral one's chain is still to be told.
    if (each.record->resumable)
      out.gone.push_back(each.place);
    return;
  }
  if (found.has_error()) {
    with.sessions->take_damaged(each.place);
    return;
  }
  const auto& name = (*found)->name;
  if (each.record->resumable && with.sessions->find(name)) {
    with.sessions->take_stale(each.place);
    out.gone.push_back(each.place);
    return;
  }
  // The name of an ephemeral one was in memory only.
  auto known = each.record->resumable
                 ? result<scope>{name}
                 : name.child("session_" + to_hex(view_of(path_of(each))));
  if (known.has_error())
    return;
  with.sessions->take(*known->parent(), each.place);
  auto session = std::make_shared<engine::live_session>(*known, *each.record,
                                                        each.place, with.time);
  // Until that is written down an erasure of what is above knows of it.
  with.sessions->add(session);
  if (each.record->resumable)
    return;
  session->begin_end(session_end::process_ended);
  out.dead.push_back(session);
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
  with.sessions->end_of_list();
  std::vector<unfinished_end> dead;
  for (const auto& session : found.dead)
    dead.push_back({session, system_grant(session->name())});
  static_cast<void>(wait_for(end_all(std::move(dead))));
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
  for (const auto& session : with.sessions->take_due())
    if (auto why = session->due();
        why != session_end::none && session->begin_end(why))
      left.push_back({session, system_grant(session->name())});
  for (const auto& session : with.sessions->all())
    if (!session->resumable()
        && session->begin_end(session_end::runtime_closed))
      left.push_back({session, system_grant(session->name())});
  static_cast<void>(wait_for(end_all(std::move(left))));
  static_cast<void>(wait_for(write_uses(true)));
}

} // namespace cloister::actors
