// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Sessions below a scope, and what is different in the engine of an ephemeral
// one: its records are its own, and only its audit chain is in the store.

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "engine/scope_engine.hpp"

namespace cloister::engine {

namespace {

persistence::session_record
record_of(const persistence::scope_identity& identity,
          const session_terms& terms, timestamp now) {
  persistence::session_record out;
  out.resumable = terms.resumable;
  out.organization = identity.root().tag;
  out.pseudonym = identity.pseudonym;
  out.opened_at = now;
  out.used_at = now;
  out.idle = terms.idle;
  if (terms.absolute.count() > 0)
    out.ends_at = timestamp{now.milliseconds + terms.absolute.count()};
  out.lease = terms.lease;
  out.renewed_at = now;
  out.path = persistence::tags_of(identity);
  return out;
}

error full_error() {
  return {errc::overloaded,
          "open sessions hold too much memory; end some of them, or try again",
          limits::overload_retry_hint};
}

std::shared_ptr<persistence::write_batch> empty_batch() {
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  return batch;
}

session_remains remains_of(ledger& book, const auth::pseudonym& pseudonym) {
  session_remains out;
  out.memories = book.head().memory_count;
  out.batch = empty_batch();
  out.journaled = book.close_for_good(*out.batch);
  out.anchor = {pseudonym, book.head().audit_length, book.head().audit_head};
  return out;
}

result<session_remains> read_remains(const services& with,
                                     const persistence::scope_identity& parent,
                                     const live_session& session) {
  auto context = context_of_session(parent, session.record());
  auto head = find_head(context, with.records);
  if (head.has_error())
    return head.error();
  ledger book{context, *head, with.journal};
  return remains_of(book, session.record().pseudonym);
}

} // namespace

// -- opening --

step scope_engine::open_below(const std::shared_ptr<request>& asked) {
  auto& what = std::get<open_session>(asked->what);
  const auto& terms = what.terms;
  if (!terms.resumable && with_.sessions->is_full_for(identity_->name))
    return refuse(*asked, full_error());
  auto name = identity_->name.child(with_.catalog.mint_session_name(identity_));
  if (name.has_error())
    return refuse(*asked, {errc::invalid_argument,
                           "a session has no sessions; open it under the "
                           "scope above"});
  // It will be read again first.
  if (needs_reload())
    return being_read_again();
  auto place = reserve_place();
  if (place.has_error())
    return refuse(*asked, place.error());
  if (terms.resumable)
    return make_child(asked, *name, session_to_open{terms, *place});
  auto tag = with_.catalog.tag_of(identity_, name->name(), 1);
  auto child = persistence::catalog::make_session(identity_, *name, tag,
                                                  with_.time->now());
  change made;
  made.entry = entry_of(*asked);
  made.entry.anchor
    = auth::audit_anchor{child->pseudonym, 0, auth::first_head(view_of(tag))};
  auto opened = put_session(made, *child, session_to_open{terms, *place});
  what.begun = opened;
  return submit(std::move(made), opened_session{opened, child});
}

live_session_ptr
scope_engine::put_session(change& to, const persistence::scope_identity& child,
                          const session_to_open& what) {
  auto record = record_of(child, what.terms, with_.time->now());
  auto place = what.place->keep();
  persistence::put_session(with_.catalog.node(), place, record, *to.batch);
  return std::make_shared<live_session>(child.name, std::move(record), place,
                                        with_.time);
}

/// A scope whose kind is a session is one, whoever opens it.
result<std::optional<session_to_open>>
scope_engine::session_in(const scope& name) {
  if (name.kind() != scope_kind::session)
    return std::optional<session_to_open>{};
  // What an attempt before has left is used again.
  auto place = reserve_place(with_.sessions->take_uncertain(name));
  if (place.has_error())
    return place.error();
  return std::optional{session_to_open{{true, {}, {}, {}}, *place}};
}

result<std::shared_ptr<session_place>>
scope_engine::reserve_place(const live_session_ptr& before) {
  std::uint64_t most = limits::sessions_per_organization_max;
  auto of_organization = identity_->settings->limits().sessions_max;
  auto number
    = before ? result<std::uint64_t>{before->place()}
             : with_.sessions->reserve(
               identity_->name, std::min(most, of_organization.value_or(most)),
               limits_.sessions_max.value_or(most));
  if (number.has_error())
    return number.error();
  return std::make_shared<session_place>(with_.sessions, identity_->name,
                                         *number, before);
}

/// One that was opened by the first write: it is in the node's list, or may be.
void scope_engine::settle_session(const effects& becomes, bool is_known) {
  if (!becomes.session)
    return;
  if (is_known)
    with_.sessions->add(becomes.session);
  else
    with_.sessions->note_uncertain(becomes.session);
}

// -- while it is open --

step scope_engine::renew(const std::shared_ptr<request>& asked) {
  auto session = with_.sessions->find(identity_->name);
  if (!session)
    return refuse(*asked, {errc::not_found,
                           "it is no open session; `cloister session list` "
                           "has those there are"});
  session->renew();
  with_.sessions->reschedule(session);
  session_list done{{session}};
  if (!session->resumable())
    return answered(entry_of(*asked), std::move(done));
  change made;
  made.entry = entry_of(*asked);
  persistence::put_session(with_.catalog.node(), session->place(),
                           session->record_now(), *made.batch);
  return submit(std::move(made), std::move(done));
}

step scope_engine::sessions(const std::shared_ptr<request>& asked) {
  session_list found{with_.sessions->below(identity_->name)};
  std::erase_if(found.sessions, [](const auto& each) {
    return each->ended() != session_end::none
           || each->due() != session_end::none;
  });
  auto entry = entry_of(*asked);
  entry.count = static_cast<std::uint32_t>(found.sessions.size());
  return answered(std::move(entry), std::move(found));
}

std::optional<error> scope_engine::session_refusal(const request& asked) const {
  if (identity_->name.kind() != scope_kind::session || !is_growth(asked.what))
    return std::nullopt;
  if (own_records_ && with_.sessions->is_full_for(identity_->name))
    return full_error();
  auto bytes = ledger_.head().content_bytes + carried_bytes(asked.what);
  // Old revisions count, too, where there is nothing else to bound them.
  auto stored = own_records_ ? own_records_->stored_bytes() : 0;
  auto max = std::min(limits::session_bytes_max,
                      identity_->settings->limits().session_bytes_max.value_or(
                        limits::session_bytes_max));
  if (bytes <= max && stored <= 2 * max)
    return std::nullopt;
  return error{errc::quota_exceeded,
               "the session holds as much as a session may; delete some of "
               "it, or promote what is to stay"};
}

/// Nothing of it may be left anywhere, not even its name in a key's record.
bool scope_engine::is_ephemeral_session(const scope& name) const {
  if (name.kind() != scope_kind::session)
    return false;
  auto session = with_.sessions->find(name);
  return session && !session->resumable();
}

/// The change of an ephemeral session: nothing waits for a disk but its audit
/// entry, which is handed to the kernel.
step scope_engine::change_own(change made, answer done) {
  auto written = own_records_->write(
    *made.batch, [&] { return ledger_.note(std::move(made.entry)); });
  if (written.has_error()) {
    settle_tentative(made.becomes);
    ledger_.set_contents(own_head_);
    enter_quotas();
    return written.error();
  }
  take_into_account(made);
  if (!made.becomes.rows.empty() || made.becomes.cleared)
    with_.signals->changed(identity_->name);
  release(made.becomes);
  own_head_ = ledger_.head();
  own_session_->set_contents(own_head_.memory_count, own_head_.content_bytes);
  settle_tentative(made.becomes);
  auto shared = std::make_shared<change>(std::move(made));
  step answered{std::move(done)};
  answered.afterwards = [this, shared] {
    apply(shared->becomes);
    index_more();
  };
  return answered;
}

void scope_engine::reload_ledger(const persistence::scope_head& head) {
  CLOISTER_ASSERT(in_flight_ == 0);
  ledger_.reset(head);
  ledger_.set_contents(own_head_);
  stale_ = false;
  generation_ = with_.records.generation();
  load_ = next_load();
}

// -- its end --

std::optional<session_remains> scope_engine::close_session() {
  CLOISTER_ASSERT(identity_->ephemeral && in_flight_ == 0);
  static_cast<void>(note_repeated());
  // How far its chain is in the store is not known.
  std::optional<session_remains> left;
  if (!needs_reload())
    left = remains_of(ledger_, identity_->pseudonym);
  leave_quotas();
  // Nobody else has it by now: with it the keys are wiped.
  erasures_.forget_identity();
  pruner_.forget_identity();
  identity_.reset();
  return left;
}

step scope_engine::finish_below(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<finish_session>(asked->what);
  if (what.remains)
    return finish_with(asked, *what.remains);
  // What its engine sent before it died goes first.
  auto barrier = empty_batch();
  return commit{
    barrier, [this, asked](const result<void>& outcome) -> step {
      if (outcome.has_error())
        return outcome.error();
      auto found = std::make_shared<result<session_remains>>(error{});
      auto work = [found, asked, with = with_, identity = identity_] {
        *found = read_remains(with, *identity,
                              *std::get<finish_session>(asked->what).session);
      };
      return offload{work, [this, asked, found]() -> step {
                       if (found->has_error())
                         return found->error();
                       std::get<finish_session>(asked->what).remains = **found;
                       return finish_with(asked, **found);
                     }};
    }};
}

step scope_engine::finish_with(const std::shared_ptr<request>& asked,
                               const session_remains& left) {
  const auto& what = std::get<finish_session>(asked->what);
  auto session = what.session;
  auto batch = std::make_shared<persistence::write_batch>(*left.batch);
  persistence::erase_session(with_.catalog.node(), session->place(), *batch);
  auto entry = entry_of(*asked);
  entry.count = static_cast<std::uint32_t>(left.memories);
  entry.reason = to_string(what.why);
  entry.anchor = left.anchor;
  entry.ended = session->tag();
  entry.contents = auth::erased_contents{left.memories, 0, {}};
  auto done = std::make_shared<erased_child>();
  done->tag = session->tag();
  done->at = entry.at;
  done->scopes = 1;
  done->memories = left.memories;
  done->reason = entry.reason;
  done->chain = identity_->tag;
  auto next = commit_for_erasure(
    batch, {std::move(entry)},
    [this, done, session,
     journaled = left.journaled](const result<void>& outcome) -> step {
      if (outcome.has_error())
        return outcome.error();
      with_.journal.settle(session->tag(), journaled);
      with_.signals->ended(session->name());
      ++with_.counters->sessions_ended;
      if (session->begin_leaving())
        with_.sessions->release(*session->name().parent(), session->place());
      return answer{*done};
    });
  done->index = ledger_.head().audit_length - 1;
  done->head = ledger_.head().audit_head;
  return next;
}

} // namespace cloister::engine
