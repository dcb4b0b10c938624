// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How the gateway asks actors, and waits for them without keeping a thread.

#include "actors/gateway_impl.hpp"

namespace cloister::actors {

void gateway::impl::dispatch(dispatched_work work) {
  auto next = next_dispatcher.fetch_add(1, std::memory_order_relaxed);
  // The work may be done, and this gateway gone, before the call returns.
  auto to = dispatchers[next % dispatchers.size()];
  caf::anon_send(to,
                 run_work{std::make_shared<dispatched_work>(std::move(work))});
}

void gateway::impl::dispatch_after(std::chrono::milliseconds pause,
                                   dispatched_work work) {
  auto later = std::make_shared<dispatched_work>(std::move(work));
  dispatch([pause, later](dispatcher_actor::pointer self) {
    self->delayed_send(dispatcher_actor{self}, pause, run_work{later});
  });
}

template <class Reply, class Actor, class Message>
struct gateway::impl::asking {
  impl& node;
  Actor to;
  Message what;
  std::optional<Reply> reply;

  bool await_ready() const noexcept {
    return false;
  }
  void await_suspend(std::coroutine_handle<> then) {
    node.dispatch([this, then](dispatcher_actor::pointer self) {
      self->request(to, caf::infinite, std::move(what))
        .then(
          [this, then](const Reply& found) {
            actor_thread_mark mark;
            reply = found;
            then.resume();
          },
          [then](const caf::error&) {
            actor_thread_mark mark;
            then.resume();
          });
    });
  }
  std::optional<Reply> await_resume() {
    return std::move(reply);
  }
};

/// The way of every operation: the scope's own thread goes on with it.
struct gateway::impl::performing {
  impl& node;
  scope_actor to;
  std::shared_ptr<engine::request> asked;
  completion::outcome outcome;

  bool await_ready() const noexcept {
    return false;
  }
  void await_suspend(std::coroutine_handle<> then) {
    auto caller
      = std::make_shared<completion>([this, then](completion::outcome done) {
          if (!done) {
            // The actor is being taken apart: not in the middle of that.
            node.dispatch([then](dispatcher_actor::pointer) { then.resume(); });
            return;
          }
          outcome = std::move(done);
          then.resume();
        });
    // Once it is sent this coroutine may be gone before `anon_send` returns.
    auto handle = to;
    perform_for message{asked, std::move(caller)};
    caf::anon_send(handle, std::move(message));
  }
  completion::outcome await_resume() {
    return std::move(outcome);
  }
};

struct gateway::impl::pausing {
  impl& node;
  std::chrono::milliseconds pause;

  bool await_ready() const noexcept {
    return false;
  }
  void await_suspend(std::coroutine_handle<> then) {
    node.dispatch_after(pause,
                        [then](dispatcher_actor::pointer) { then.resume(); });
  }
  void await_resume() {}
};

task<result<found_scope>> gateway::impl::find(scope name, if_absent otherwise) {
  auto directory = core->get().directory;
  if (!directory)
    co_return starting_error();
  asking<found_scope, directory_actor, find_scope> question{
    *this, directory, find_scope{name, otherwise}, {}};
  auto found = co_await question;
  if (!found)
    co_return starting_error();
  if (found->failure)
    co_return *found->failure;
  co_return std::move(*found);
}

std::optional<scope_binding::target>
gateway::impl::known_target(scope_binding& binding) {
  std::lock_guard guard{binding.mutex_};
  if (!binding.target_)
    return std::nullopt;
  return *binding.target_;
}

void gateway::impl::remember(scope_binding& binding,
                             const scope_binding::target& target) {
  std::lock_guard guard{binding.mutex_};
  binding.target_ = std::make_unique<scope_binding::target>(target);
}

void gateway::impl::forget(scope_binding& binding) {
  std::lock_guard guard{binding.mutex_};
  binding.target_.reset();
}

result<admission> gateway::impl::enter(const scope_binding::target& target) {
  target.usage->last_used.store(options.time->steady().count(),
                                std::memory_order_relaxed);
  return admission::enter(target.usage);
}

task<result<scope_binding::target>>
gateway::impl::target_of(std::shared_ptr<scope_binding> binding,
                         if_absent otherwise, gateway_call& call) {
  auto found = co_await find(binding->name(), otherwise);
  if (found.has_error())
    co_return found.error();
  if (!found->handle) {
    call.absent = std::move(*found);
    co_return scope_binding::target{};
  }
  scope_binding::target target{found->handle, found->usage};
  remember(*binding, target);
  co_return target;
}

task<result<std::optional<engine::answer>>>
gateway::impl::ask(std::shared_ptr<scope_binding> binding, if_absent otherwise,
                   gateway_call& call) {
  // Before its scope is looked for: what waits for that is bounded, too.
  auto at_node
    = admission::enter(usage, engine::carried_bytes(call.asked->what));
  if (at_node.has_error())
    co_return at_node.error();
  if (auto refusal = disabled->refusal(call.asked->grant))
    co_return std::move(*refusal);
  for (int tries = 0; tries < tries_max; ++tries) {
    if (auto ended = session_gate(*binding, call.asked->grant))
      co_return std::move(*ended);
    auto target = known_target(*binding);
    if (!target) {
      auto found = co_await target_of(binding, otherwise, call);
      if (found.has_error())
        co_return with_reason(found.error(), binding->name());
      if (call.absent)
        co_return std::optional<engine::answer>{};
      target = std::move(*found);
    }
    auto place = enter(*target);
    if (place.has_error())
      co_return place.error();
    performing operation{*this, target->handle, call.asked, {}};
    auto outcome = co_await operation;
    if (outcome && outcome->has_error())
      co_return outcome->error();
    if (outcome)
      co_return std::optional<engine::answer>{std::move(**outcome)};
    forget(*binding);
    if (call.asked->started)
      co_return unknown_outcome();
    // The directory hears of the end of an actor in a moment.
    pausing pause{*this, first_retry_pause * (1 << tries)};
    co_await pause;
  }
  co_return starting_error();
}

task<result<engine::answer>>
gateway::impl::perform_on_node(engine::node_operation what) {
  auto node = core->get().node;
  if (!node)
    co_return starting_error();
  auto at_node = admission::enter(usage, 0);
  if (at_node.has_error())
    co_return at_node.error();
  auto asked = std::make_shared<engine::node_operation>(std::move(what));
  asking<performed, node_actor, actors::perform_on_node> question{
    *this, node, actors::perform_on_node{asked}, {}};
  auto done = co_await question;
  if (!done)
    co_return unknown_outcome();
  co_return std::move(*done->outcome);
}

task<result<found_scope>>
gateway::impl::adopt(std::shared_ptr<session_to_adopt> given) {
  auto directory = core->get().directory;
  if (!directory)
    co_return starting_error();
  asking<found_scope, directory_actor, adopt_session> question{
    *this, directory, adopt_session{std::move(given)}, {}};
  auto found = co_await question;
  if (!found)
    co_return starting_error();
  if (found->failure)
    co_return *found->failure;
  co_return std::move(*found);
}

task<std::optional<closed_session>> gateway::impl::close(scope_actor handle) {
  asking<closed_session, scope_actor, close_session> question{
    *this, handle, close_session{}, {}};
  co_return co_await question;
}

task<bool> gateway::impl::pause_for(std::chrono::milliseconds pause) {
  pausing waiting{*this, pause};
  co_await waiting;
  co_return true;
}

task<result<void>> gateway::impl::empty(scope name) {
  auto directory = core->get().directory;
  if (!directory)
    co_return starting_error();
  asking<slept, directory_actor, empty_scope> question{
    *this, directory, empty_scope{name}, {}};
  auto done = co_await question;
  if (!done || !done->asleep)
    co_return starting_error();
  co_return result<void>{};
}

task<result<void>> gateway::impl::let_sleep(scope_actor handle) {
  for (int tries = 0; tries < sleep_tries; ++tries) {
    asking<slept, scope_actor, sleep> question{*this, handle, sleep{}, {}};
    auto outcome = co_await question;
    if (!outcome || outcome->asleep)
      break;
    pausing pause{*this, std::chrono::milliseconds{1}};
    co_await pause;
  }
  co_return result<void>{};
}

} // namespace cloister::actors
