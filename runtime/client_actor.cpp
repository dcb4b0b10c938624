// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <caf/all.hpp>

#include "actors/completion.hpp"
#include "runtime/caf.hpp"
#include "runtime/session_impl.hpp"

namespace cloister {

namespace {

/// What CAF names errors by.
constexpr auto error_category = caf::atom("cloister");

struct client_state {
  static inline const char* name = "cloister.client";

  client_state() = default;
  client_state(const client_state&) = delete;
  client_state& operator=(const client_state&) = delete;

  /// CAF answers no promise of an actor that ends: whoever waits hears of it
  /// here.
  ~client_state() {
    error ended{errc::unavailable,
                "the client's actor ended before the call did; its outcome is "
                "unknown"};
    for (auto& [call, fail] : pending)
      fail(ended);
    // It may be the last one of its runtime.
    actors::actor_thread_mark mark;
    own.reset();
    bound.reset();
  }

  std::optional<client> bound;
  /// Of an actor that is a session's; it ends with that.
  std::shared_ptr<session> own;
  /// Whoever opened it, whose actor looks for the end of its owner.
  client_actor opener;
  /// The sessions of those who opened some here.
  std::unordered_map<caf::actor_addr, std::vector<std::weak_ptr<session>>>
    owned;
  std::unordered_map<std::uint64_t, std::function<void(const error&)>> pending;
  std::uint64_t last_call = 0;
};

using client_self = client_actor::stateful_pointer<client_state>;

template <class T>
void deliver(caf::typed_response_promise<T>& promise, result<T>& outcome) {
  if (outcome)
    promise.deliver(std::move(*outcome));
  else
    promise.deliver(to_caf_error(outcome.error()));
}

/// Answers with the outcome of a call. It comes on a thread of the runtime;
/// promises belong to the actor, so it is sent there.
template <class T>
struct reply {
  client_actor self;
  client_state* state = nullptr;
  std::uint64_t call = 0;
  caf::typed_response_promise<T> promise;

  template <class Outcome, class Convert>
  void operator()(result<Outcome> outcome, Convert convert) const {
    auto converted = outcome ? result<T>{convert(std::move(*outcome))}
                             : result<T>{outcome.error()};
    auto shared = std::make_shared<result<T>>(std::move(converted));
    auto work = std::make_shared<std::function<void()>>(
      [state = state, call = call, promise = promise, shared]() mutable {
        // It runs in the actor, whose state is there.
        state->pending.erase(call);
        deliver(promise, *shared);
      });
    caf::anon_send(self, outcome_arrived{std::move(work)});
  }

  void operator()(result<T> outcome) const {
    (*this)(std::move(outcome), [](T value) { return value; });
  }
};

template <class T>
reply<T> replying(client_self self) {
  auto promise = self->make_response_promise<T>();
  auto call = ++self->state.last_call;
  self->state.pending[call] = [promise](const error& why) mutable {
    promise.deliver(to_caf_error(why));
  };
  return {client_actor{self}, &self->state, call, promise};
}

memory_batch to_batch(std::vector<memory> memories) {
  return {std::move(memories)};
}

/// Batches and counts have types of their own among messages.
template <class T, class Outcome, class Convert>
completion_handler<Outcome> converting(const reply<T>& to, Convert convert) {
  return
    [to, convert](result<Outcome> outcome) { to(std::move(outcome), convert); };
}

client_actor::behavior_type client_behavior(client_self self,
                                            const client& given);

client_actor::behavior_type
session_behavior(client_self self, const std::shared_ptr<session>& given,
                 const client_actor& opener) {
  self->state.own = given;
  self->state.opener = opener;
  return client_behavior(self, given->memories());
}

/// The actor that opens sessions monitors their owners, each of them once: a
/// session's own is too short-lived for that.
void own(client_self self, const caf::actor_addr& owner,
         const std::shared_ptr<session>& opened) {
  auto& state = self->state;
  auto [at, fresh] = state.owned.try_emplace(owner);
  std::erase_if(at->second, [](const auto& each) { return each.expired(); });
  at->second.push_back(opened);
  if (fresh)
    self->monitor(owner);
}

void on_owner_down(client_self self, const caf::down_msg& down) {
  auto found = self->state.owned.find(down.source);
  if (found == self->state.owned.end())
    return;
  for (const auto& each : found->second)
    if (auto left = each.lock())
      session_access::end(*left, engine::session_end::owner_ended);
  self->state.owned.erase(found);
}

caf::result<opened_session> open(client_self self,
                                 const session_options& options) {
  auto owner = self->current_sender()
                 ? caf::actor_cast<caf::actor_addr>(self->current_sender())
                 : caf::actor_addr{};
  auto promise = self->make_response_promise<opened_session>();
  auto call = ++self->state.last_call;
  self->state.pending[call] = [promise](const error& why) mutable {
    promise.deliver(to_caf_error(why));
  };
  client_actor here{self};
  self->state.bound->open_session(
    options, [here, self, call, promise, owner](result<session> outcome) {
      auto opened = std::make_shared<result<session>>(std::move(outcome));
      auto work = std::make_shared<std::function<void()>>(
        [here, self, call, promise, owner, opened]() mutable {
          self->state.pending.erase(call);
          if (opened->has_error()) {
            promise.deliver(to_caf_error(opened->error()));
            return;
          }
          auto kept = std::make_shared<session>(std::move(**opened));
          if (owner)
            own(self, owner, kept);
          auto info = kept->info();
          auto actor = self->system().spawn(session_behavior, kept, here);
          promise.deliver(opened_session{actor, info});
        });
      caf::anon_send(here, outcome_arrived{std::move(work)});
    });
  return promise;
}

client_actor::behavior_type client_behavior(client_self self,
                                            const client& given) {
  self->state.bound = given;
  self->set_down_handler(
    [self](const caf::down_msg& down) { on_owner_down(self, down); });
  // CAF's own would print what it does not know.
  self->set_default_handler(
    [](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
      return caf::sec::unexpected_message;
    });
  return {
    [self](create_memory& what) {
      auto to = replying<memory>(self);
      self->state.bound->create_memory(std::move(what.draft), to);
      return to.promise;
    },
    [self](create_memories& what) {
      auto to = replying<memory_batch>(self);
      self->state.bound->create_memories(
        std::move(what.drafts),
        converting<memory_batch, std::vector<memory>>(to, to_batch));
      return to.promise;
    },
    [self](const get_memory& what) {
      auto to = replying<memory>(self);
      self->state.bound->get_memory(what.id, to);
      return to.promise;
    },
    [self](list_memory& what) {
      auto to = replying<memory_list>(self);
      self->state.bound->list_memories(std::move(what.options), to);
      return to.promise;
    },
    [self](search_memory& what) {
      auto to = replying<search_results>(self);
      self->state.bound->search_memories(std::move(what.options), to);
      return to.promise;
    },
    [self](update_memory& what) {
      auto to = replying<memory>(self);
      self->state.bound->update_memory(what.id, std::move(what.patch),
                                       what.if_revision, to);
      return to.promise;
    },
    [self](const delete_memory& what) {
      auto to = replying<deleted_count>(self);
      self->state.bound->delete_memory(
        what.id, what.if_revision, [to](result<void> gone) {
          to(gone ? result<deleted_count>{deleted_count{1}} : gone.error());
        });
      return to.promise;
    },
    [self](const delete_all_memories&) {
      auto to = replying<deleted_count>(self);
      self->state.bound->delete_all_memories(
        converting<deleted_count, std::uint64_t>(
          to, [](std::uint64_t count) { return deleted_count{count}; }));
      return to.promise;
    },
    [self](const memory_history& what) {
      auto to = replying<memory_batch>(self);
      self->state.bound->memory_history(
        what.id, converting<memory_batch, std::vector<memory>>(to, to_batch));
      return to.promise;
    },
    [self](const restore_memory& what) {
      auto to = replying<memory>(self);
      self->state.bound->restore_memory(what.id, what.revision, to);
      return to.promise;
    },
    [self](const share_memory& what) {
      auto to = replying<located_memory>(self);
      self->state.bound->share_memory(what.id, what.to, to);
      return to.promise;
    },
    [self](const open_session& what) { return open(self, what.options); },
    [self](const renew_session&) {
      auto to = replying<session_info>(self);
      self->state.bound->renew_session({}, to);
      return to.promise;
    },
    [self](const end_session&) {
      auto to = replying<erasure_receipt>(self);
      self->state.bound->end_session({}, to);
      return to.promise;
    },
    [self](promote_memory& what) {
      auto to = replying<located_memories>(self);
      self->state.bound->promote_memories(
        std::move(what.ids), what.to,
        converting<located_memories, std::vector<located_memory>>(
          to, [](std::vector<located_memory> moved) {
            return located_memories{std::move(moved)};
          }));
      return to.promise;
    },
    [](const outcome_arrived& arrived) { (*arrived.deliver)(); },
  };
}

} // namespace

client_actor spawn_client(caf::actor_system& system, client bound) {
  return system.spawn(client_behavior, std::move(bound));
}

caf::error to_caf_error(const error& failure) {
  return {static_cast<std::uint8_t>(failure.code), error_category,
          caf::make_message(failure.detail, static_cast<std::int64_t>(
                                              failure.retry_after.count()))};
}

error to_error(const caf::error& failure) {
  error out{errc::unavailable, caf::to_string(failure)};
  if (failure.category() != error_category)
    return out;
  out.code = static_cast<errc>(failure.code());
  const auto& context = failure.context();
  if (context.match_elements<std::string, std::int64_t>()) {
    out.detail = context.get_as<std::string>(0);
    out.retry_after
      = std::chrono::milliseconds{context.get_as<std::int64_t>(1)};
  }
  return out;
}

} // namespace cloister
