// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <unordered_map>
#include <vector>

#include <caf/duration.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include "actors/interfaces.hpp"
#include "core/limits.hpp"
#include "core/overloaded.hpp"
#include "engine/node_engine.hpp"
#include "engine/scope_engine.hpp"

/// Does for an engine what its steps say; included by the actors that own one.
namespace cloister::actors {

// CAF 0.17.6 never takes a request's timer back when the reply comes: each one
// would stay for its whole time. Inside a node a peer that dies is noticed all
// the same, since CAF answers its open requests with an error.
constexpr auto load_timeout = caf::infinite;
constexpr auto commit_timeout = caf::infinite;
/// Half of what is promised, so that the sync itself fits in.
constexpr std::chrono::milliseconds audit_flush_delay
  = limits::audit_sync_delay_max / 2;

inline performed to_performed(result<engine::answer> outcome) {
  return {std::make_shared<result<engine::answer>>(std::move(outcome))};
}

inline error crashed_error() {
  return {errc::unavailable,
          "the scope failed and is being restarted; the "
          "outcome is unknown, try again",
          limits::overload_retry_hint};
}

inline void answer(caf::typed_response_promise<performed>& waiting,
                   result<engine::answer> outcome) {
  if (waiting.pending())
    waiting.deliver(to_performed(std::move(outcome)));
}

inline void answer(const completion_ptr& waiting,
                   result<engine::answer> outcome) {
  waiting->deliver(std::move(outcome));
}

inline void answer(
  std::variant<caf::typed_response_promise<performed>, completion_ptr>& waiting,
  result<engine::answer> outcome) {
  std::visit([&](auto& each) { answer(each, std::move(outcome)); }, waiting);
}

/// What an actor with an engine keeps. `Engine` is scope_engine or node_engine,
/// `Asked` what it is asked.
template <class Engine, class Asked>
struct driver_state {
  using promise = caf::typed_response_promise<performed>;

  struct parked_job {
    std::uint64_t job = 0;
    std::shared_ptr<Asked> asked;
  };

  std::unique_ptr<Engine> engine;
  loader_actor loaders;
  committer_actor committer;
  /// Reads the engine's state again, on a loader; answers what to do with it.
  std::function<std::function<result<void>(Engine&)>()> read_again;
  /// Who waits for a job: an actor, or somebody else.
  using caller = std::variant<promise, completion_ptr>;
  std::unordered_map<std::uint64_t, caller> jobs;
  std::uint64_t last_job = 0;
  /// Changes that wait for a reload.
  std::vector<parked_job> parked;
  /// Batches and pieces of work that are on their way, and who waits for any
  /// of them to end.
  std::size_t outstanding = 0;
  std::vector<resume> blocked;
  bool flush_scheduled = false;
  bool reloading = false;

  driver_state() = default;
  driver_state(const driver_state&) = delete;
  driver_state& operator=(const driver_state&) = delete;

  /// CAF answers only what is still in a mailbox when an actor dies: whoever
  /// waits for a job hears of it here.
  ~driver_state() {
    for (auto& [job, waiting] : jobs)
      answer(waiting, crashed_error());
  }

  /// Called after every piece of work; scopes tell what memory they use.
  void report() {}
};

template <class Self>
void finish(Self self, std::uint64_t job, result<engine::answer> outcome) {
  auto found = self->state.jobs.find(job);
  if (found == self->state.jobs.end())
    return;
  auto waiting = std::move(found->second);
  self->state.jobs.erase(found);
  answer(waiting, std::move(outcome));
}

/// Answers everybody and ends; the supervisor decides what is next. What the
/// exception says is not repeated: it may quote content.
template <class Self>
void crash(Self self) {
  while (!self->state.jobs.empty())
    finish(self, self->state.jobs.begin()->first, crashed_error());
  self->quit(caf::exit_reason::unhandled_exception);
}

template <class Self, class F>
void guarded(Self self, F run) {
  try {
    run();
  } catch (...) {
    crash(self);
  }
}

template <class Self>
void drive(Self self, std::uint64_t job, engine::step next);

/// What every piece of work ends with: audit entries and reloads are seen to.
template <class Self>
void after_work(Self self) {
  auto& state = self->state;
  state.report();
  if (state.engine->has_pending_audit() && !state.flush_scheduled) {
    state.flush_scheduled = true;
    self->delayed_send(self, audit_flush_delay, flush_audit{});
  }
  if (state.engine->needs_reload() && !state.engine->has_in_flight()
      && !state.reloading) {
    state.reloading = true;
    self->send(self, reload{});
  }
}

/// A batch or a piece of work has come to its end.
template <class Self>
void one_less_outstanding(Self self) {
  auto& state = self->state;
  --state.outstanding;
  for (auto& later : std::exchange(state.blocked, {}))
    self->send(self, std::move(later));
}

template <class Self>
void drive_wait(Self self, std::uint64_t job, engine::wait next) {
  resume later{
    job, std::make_shared<engine::again>(engine::again{std::move(next.then)})};
  if (self->state.outstanding == 0)
    self->send(self, std::move(later));
  else
    self->state.blocked.push_back(std::move(later));
}

/// Lets all others have a turn first.
template <class Self>
void drive_again(Self self, std::uint64_t job, engine::again next) {
  auto later = std::make_shared<engine::again>(std::move(next));
  if (later->pause.count() > 0) {
    self->delayed_send(self, later->pause, resume{job, later});
    return;
  }
  self->request(self->state.loaders, load_timeout, take_turn{})
    .then(
      [self, job, later](const load_done&) {
        guarded(self, [&] { drive(self, job, later->then()); });
      },
      [self](const caf::error&) { crash(self); });
}

template <class Self>
void drive_offload(Self self, std::uint64_t job, engine::offload next) {
  auto work = std::make_shared<std::function<void()>>(std::move(next.work));
  auto then
    = std::make_shared<std::function<engine::step()>>(std::move(next.then));
  ++self->state.outstanding;
  auto owner = self->state.engine->organization_number();
  self
    ->request(self->state.loaders, load_timeout,
              load_job{std::move(work), next.heavy, owner})
    .then(
      [self, job, then](const load_done&) {
        one_less_outstanding(self);
        guarded(self, [&] { drive(self, job, (*then)()); });
      },
      // What the engine is left with is unknown.
      [self](const caf::error&) {
        one_less_outstanding(self);
        crash(self);
      });
}

template <class Self>
void drive_commit(Self self, std::uint64_t job, engine::commit next) {
  auto then = std::make_shared<std::function<engine::step(result<void>)>>(
    std::move(next.then));
  ++self->state.outstanding;
  self
    ->request(self->state.committer, commit_timeout,
              commit_batch{std::move(next.batch)})
    .then(
      [self, job, then](const commit_outcome& done) {
        one_less_outstanding(self);
        guarded(self, [&] { drive(self, job, (*then)(done.outcome)); });
      },
      [self, job, then](const caf::error&) {
        one_less_outstanding(self);
        guarded(self, [&] {
          drive(self, job,
                (*then)(error{errc::unavailable,
                              "writing timed out and its outcome is unknown; "
                              "try again"}));
        });
      });
}

template <class Self>
void drive(Self self, std::uint64_t job, engine::step next) {
  std::visit(
    overloaded{
      [&](result<engine::answer>& done) { finish(self, job, std::move(done)); },
      [&](engine::offload& load) { drive_offload(self, job, std::move(load)); },
      [&](engine::commit& write) { drive_commit(self, job, std::move(write)); },
      [&](engine::again& later) { drive_again(self, job, std::move(later)); },
      [&](engine::wait& later) { drive_wait(self, job, std::move(later)); },
    },
    next.what);
  if (next.afterwards)
    next.afterwards();
  after_work(self);
}

template <class Self>
std::uint64_t add_job(
  Self self,
  std::variant<caf::typed_response_promise<performed>, completion_ptr> caller) {
  auto job = ++self->state.last_job;
  self->state.jobs.emplace(job, std::move(caller));
  return job;
}

/// Starts what a caller asked for, or puts it aside until the engine is up to
/// date again.
inline engine::step begin(engine::scope_engine& engine,
                          const std::shared_ptr<engine::request>& asked) {
  asked->started = true;
  return engine.begin(asked);
}

inline engine::step
begin(engine::node_engine& engine,
      const std::shared_ptr<engine::node_operation>& asked) {
  return engine.begin(*asked);
}

template <class Self, class Asked>
void start_job(Self self, std::uint64_t job,
               const std::shared_ptr<Asked>& asked, bool must_wait) {
  actor_thread_mark::set_for_good();
  if (must_wait) {
    self->state.parked.push_back({job, asked});
    after_work(self);
  } else {
    guarded(self, [&] { drive(self, job, begin(*self->state.engine, asked)); });
  }
}

template <class Self, class Asked>
caf::result<performed> start(Self self, const std::shared_ptr<Asked>& asked,
                             bool must_wait) {
  auto promise = self->template make_response_promise<performed>();
  start_job(self, add_job(self, promise), asked, must_wait);
  return promise;
}

template <class Self>
void on_resume(Self self, const resume& later) {
  guarded(self, [&] { drive(self, later.job, later.next->then()); });
}

template <class Self>
void on_flush(Self self) {
  self->state.flush_scheduled = false;
  auto job = add_job(self, caf::typed_response_promise<performed>{});
  guarded(self, [&] { drive(self, job, self->state.engine->flush_audit()); });
}

/// The engine's state was read, or could not be.
template <class Self>
void on_reloaded(Self self, const result<void>& outcome) {
  auto& state = self->state;
  state.reloading = false;
  auto parked = std::exchange(state.parked, {});
  if (outcome.has_error()) {
    for (const auto& waiting : parked)
      finish(self, waiting.job, outcome.error());
    // A scope that cannot be read must not go on with what it remembers.
    if (outcome.error().code == errc::corrupted)
      crash(self);
    return;
  }
  for (const auto& waiting : parked)
    guarded(self, [&] {
      drive(self, waiting.job, begin(*state.engine, waiting.asked));
    });
  after_work(self);
}

template <class Self>
void on_reload(Self self) {
  auto& state = self->state;
  if (state.engine->has_in_flight()) {
    state.reloading = false;
    return;
  }
  using engine_type = typename std::decay_t<decltype(*state.engine)>;
  using adopt = std::function<result<void>(engine_type&)>;
  auto adopted = std::make_shared<adopt>();
  auto work = std::make_shared<std::function<void()>>(
    [adopted, read = state.read_again] { *adopted = read(); });
  self->request(state.loaders, load_timeout, load_job{std::move(work)})
    .then(
      [self, adopted](const load_done&) {
        guarded(self,
                [&] { on_reloaded(self, (*adopted)(*self->state.engine)); });
      },
      [self](const caf::error&) {
        on_reloaded(self, error{errc::unavailable, "reading timed out"});
      });
}

/// Ends the actor if there is nothing to do; brings audit entries home first.
template <class Self>
slept on_sleep(Self self, bool for_good) {
  auto& state = self->state;
  auto idle
    = state.jobs.empty() && !state.engine->has_in_flight() && !state.reloading;
  if constexpr (requires { state.engine->note_repeated(); })
    static_cast<void>(state.engine->note_repeated());
  auto must_write = false;
  if constexpr (requires { state.engine->wants_checkpoint(); })
    if (idle && !for_good && !state.engine->has_pending_audit()
        && state.engine->wants_checkpoint()) {
      must_write = true;
      auto job = add_job(self, caf::typed_response_promise<performed>{});
      guarded(self,
              [&] { drive(self, job, state.engine->write_checkpoint()); });
    }
  if (must_write)
    return {false};
  if (idle && !state.engine->has_pending_audit()) {
    self->quit();
    return {true};
  }
  if (idle && !state.engine->needs_reload())
    on_flush(self);
  else
    after_work(self);
  return {false};
}

/// CAF's own handlers print what they do not know, content included.
template <class Self>
void silence(Self self) {
  self->set_default_handler(
    [](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> {
      return caf::sec::unexpected_message;
    });
  self->set_error_handler([](caf::scheduled_actor*, caf::error&) {});
}

} // namespace cloister::actors
