// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/encoding.hpp"
#include "runtime/session_impl.hpp"
#include "runtime/signing.hpp"

namespace cloister {

using auth::operation;

namespace {

result<std::chrono::milliseconds>
checked_timeout(std::chrono::milliseconds given, std::string_view what) {
  if (given.count() == 0)
    return given;
  if (given < limits::session_timeout_min
      || given > limits::session_timeout_max)
    return error{errc::invalid_argument,
                 std::string{what}
                   + " is not between 100 milliseconds and a year; 0 is none"};
  return given;
}

result<engine::session_terms> to_terms(const session_options& options) {
  engine::session_terms out;
  out.resumable = options.resumable;
  auto idle = checked_timeout(options.idle_timeout, "the idle timeout");
  auto absolute
    = checked_timeout(options.absolute_timeout, "the absolute timeout");
  auto lease = checked_timeout(options.lease, "the lease");
  for (const auto* each : {&idle, &absolute, &lease})
    if (each->has_error())
      return each->error();
  out.idle = *idle;
  out.absolute = *absolute;
  out.lease = *lease;
  return out;
}

} // namespace

session_info to_session_info(const engine::live_session& session) {
  return {session.name(), session.resumable(), session.record().opened_at,
          session.expires_at()};
}

call<session> client::impl::open_session(session_options options) const {
  auto terms = to_terms(options);
  if (terms.has_error())
    co_return terms.error();
  auto opened
    = co_await node->gateway->open_session(who, binding->name(), *terms);
  if (opened.has_error())
    co_return opened.error();
  auto parts = std::make_shared<impl>(
    impl{node, who, cloister::bind((*opened)->name()), organization});
  co_return session{std::unique_ptr<session::impl>{
    new session::impl{client{parts}, parts, *opened}}};
}

result<scope> client::impl::session_named(std::string_view name) const {
  if (name.empty())
    return binding->name();
  auto below = binding->name().resolve(name);
  return below ? below : named_scope(*who, name);
}

call<erasure_receipt> client::impl::end(std::string name) const {
  auto target = session_named(name);
  if (target.has_error())
    co_return co_await refused_name(operation::end_session, target.error());
  auto ending = end_session_as(node, who, *target, engine::session_end::closed);
  co_return co_await ending;
}

call<session_info> client::impl::renew(std::string name) const {
  auto target = session_named(name);
  if (target.has_error())
    co_return co_await refused_name(operation::renew_session, target.error());
  engine::operation what{engine::renew_session{}};
  auto asking = perform<engine::session_list>(
    cloister::bind(*target), operation::renew_session, std::move(what));
  auto done = co_await asking;
  if (done.has_error())
    co_return done.error();
  if (!*done)
    co_return error{errc::not_found,
                    "there is no such session here; "
                    "give its whole name, as `cloister session "
                    "list` has it, or whose it is"};
  co_return to_session_info(*(*done)->sessions.front());
}

call<std::vector<session_info>> client::impl::sessions() const {
  engine::operation what{engine::list_sessions{}};
  auto asking = perform<engine::session_list>(binding, operation::list_sessions,
                                              std::move(what));
  auto done = co_await asking;
  if (done.has_error())
    co_return done.error();
  std::vector<session_info> out;
  if (*done)
    for (const auto& each : (*done)->sessions)
      out.push_back(to_session_info(*each));
  co_return out;
}

/// Copies first, all of them at once, and removes what was copied then: what is
/// interrupted leaves a copy too many, and nothing is lost.
call<std::vector<located_memory>>
client::impl::promote(std::vector<memory_id> ids, std::string to) const {
  if (to.empty() && !binding->name().parent())
    co_return error{errc::invalid_argument,
                    "nothing lies above an organization; name where to"};
  auto target = to.empty() ? result<scope>{*binding->name().parent()}
                           : named_scope(*who, to);
  if (target.has_error())
    co_return co_await refused_name(operation::promote_memory, target.error());
  if (ids.empty() || ids.size() > limits::batch_memories_max)
    co_return error{errc::invalid_argument,
                    "promote between 1 and 1000 memories at a time"};
  auto turn = node->gateway->begin_copy(binding->name());
  auto checking = node->gateway->check(who, operation::receive_memory, *target);
  auto may_write = co_await checking;
  if (may_write.has_error())
    co_return may_write.error();
  engine::create_memories writing;
  std::vector<std::uint32_t> revisions;
  auto how = actors::counted::further_scope;
  for (const auto& id : ids) {
    engine::operation what{engine::share_memory{id}};
    auto reading = perform_existing<engine::shared_memory>(
      operation::promote_memory, std::move(what), how);
    auto source = co_await reading;
    how = actors::counted::nothing;
    if (source.has_error())
      co_return source.error();
    // At once: it may be gone, and its source erased, before the next is read.
    if (auto may = turn.check(source->origin); may.has_error())
      co_return may.error();
    auto& value = source->value;
    writing.drafts.push_back({value.content, value.type, value.metadata,
                              std::nullopt, value.embedding, value.expires_at});
    writing.origins.push_back(source->origin);
    revisions.push_back(value.revision);
  }
  engine::operation what{std::move(writing)};
  auto copying = perform<engine::stored_memories>(
    cloister::bind(*target), operation::receive_memory, std::move(what),
    actors::counted::nothing);
  auto copied = co_await copying;
  if (copied.has_error())
    co_return copied.error();
  // Without that permission they are only copied.
  auto may_remove = who->permissions.contains(auth::permission::remove);
  for (std::size_t i = 0; may_remove && i < ids.size(); ++i) {
    // One that was changed meanwhile stays.
    engine::operation removal{engine::delete_memory{ids[i], revisions[i]}};
    auto removing = perform<engine::deleted_count>(
      binding, operation::promote_memory, std::move(removal),
      actors::counted::nothing);
    co_await removing;
  }
  std::vector<located_memory> out;
  for (auto& each : (*copied)->memories)
    out.push_back({std::move(each), *target});
  co_return out;
}

call<erasure_receipt> end_session_as(std::shared_ptr<runtime::impl> node,
                                     auth::authority_ptr who, scope target,
                                     engine::session_end why) {
  auto ending = node->gateway->end_session(who, target, why);
  auto done = co_await ending;
  if (done.has_error())
    co_return done.error();
  co_return signed_receipt(*node, *who, target, *done);
}

} // namespace cloister
