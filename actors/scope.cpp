// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/scope.hpp"

#include <caf/all.hpp>

#include "actors/step_driver.hpp"

namespace cloister::actors {

namespace {

struct scope_state : driver_state<engine::scope_engine, engine::request> {
  static inline const char* name = "cloister.scope";

  scope_state() = default;
  scope_state(const scope_state&) = delete;
  scope_state& operator=(const scope_state&) = delete;

  ~scope_state() {
    if (closing.pending())
      closing.deliver(closed_session{
        std::make_shared<std::optional<engine::session_remains>>()});
    if (!node)
      return;
    add_memory(-reported);
    --node->living_scopes;
    if (session)
      sessions->note_lost(session);
  }

  /// Tells the directory what this scope uses.
  void report() {
    if (!engine)
      return;
    auto now = static_cast<std::int64_t>(engine->memory_bytes());
    add_memory(now - reported);
    usage->memory_bytes = now;
    reported = now;
  }

  /// Ephemeral sessions have a bound of their own: they cannot sleep, and must
  /// not keep others from being awake.
  void add_memory(std::int64_t bytes) {
    if (session)
      sessions->add_memory(session->name(), bytes);
    else
      node->memory_bytes += bytes;
  }

  void report_gone() {
    add_memory(-std::exchange(reported, 0));
    usage->memory_bytes = 0;
  }

  std::shared_ptr<scope_usage> usage;
  std::shared_ptr<node_usage> node;
  std::int64_t reported = 0;
  /// Of an ephemeral session, until it has been closed.
  engine::live_session_ptr session;
  std::shared_ptr<engine::session_table> sessions;
  caf::typed_response_promise<closed_session> closing;
};

using scope_self = scope_actor::stateful_pointer<scope_state>;

using adopted_state = std::function<result<void>(engine::scope_engine&)>;

/// Of an ephemeral session only the audit chain is in the store.
adopted_state read_chain_end(const engine::services& with,
                             const persistence::scope_identity& identity) {
  auto head = engine::find_head(engine::context_of(identity), with.records);
  return [head](engine::scope_engine& engine) -> result<void> {
    if (head.has_error())
      return head.error();
    engine.reload_ledger(*head);
    return {};
  };
}

/// Reads the scope again and hands the result to the engine.
auto reader_of(engine::services with, persistence::identity_ptr identity) {
  return [with = std::move(with),
          identity = std::move(identity)]() -> adopted_state {
    if (identity->ephemeral)
      return read_chain_end(with, *identity);
    // A copy of its slot that was written, and of which it is not known whether
    // it is on the disk, is written again with the other one, and synced.
    auto mended = with.catalog.mend_slot(*identity);
    auto loaded = std::make_shared<result<engine::loaded_scope>>(
      mended ? engine::load_scope(with, *identity)
             : result<engine::loaded_scope>{mended.error()});
    return [loaded](engine::scope_engine& engine) -> result<void> {
      if (loaded->has_error())
        return loaded->error();
      engine.reload(std::move(**loaded));
      return {};
    };
  };
}

// -- the end of an ephemeral session --

bool is_closing(scope_self self) {
  return self->state.closing.pending() || !self->state.engine;
}

error closing_error(scope_self self) {
  const auto& session = self->state.session;
  return engine::ended_error(session ? session->ended()
                                     : engine::session_end::closed);
}

/// Of a large one that takes long, and keeps others from their memory: its end
/// is written down first.
void give_memory_back(scope_self self,
                      std::unique_ptr<engine::scope_engine> husk) {
  constexpr std::size_t large_bytes = 1024 * 1024;
  constexpr std::chrono::milliseconds later{100};
  auto is_large = husk->memory_bytes() > large_bytes;
  auto shared
    = std::make_shared<std::unique_ptr<engine::scope_engine>>(std::move(husk));
  load_job job{
    std::make_shared<std::function<void()>>([shared] { shared->reset(); })};
  if (is_large)
    caf::delayed_anon_send(self->state.loaders, later, std::move(job));
  else
    caf::anon_send(self->state.loaders, std::move(job));
}

void look_at_closing(scope_self self) {
  auto& state = self->state;
  if (!state.closing.pending())
    return;
  constexpr std::chrono::milliseconds pause{1};
  auto is_idle = state.jobs.empty() && state.outstanding == 0
                 && !state.engine->has_in_flight() && !state.reloading;
  if (!is_idle) {
    self->delayed_send(self, pause, actors::look_at_closing{});
    return;
  }
  auto remains = std::make_shared<std::optional<engine::session_remains>>(
    state.engine->close_session());
  state.report_gone();
  state.read_again = nullptr;
  give_memory_back(self, std::move(state.engine));
  state.session = nullptr;
  state.closing.deliver(closed_session{remains});
  self->quit();
}

caf::result<closed_session> close(scope_self self) {
  auto& state = self->state;
  state.closing = self->make_response_promise<closed_session>();
  auto promise = state.closing;
  guarded(self, [&] { look_at_closing(self); });
  return promise;
}

scope_actor::behavior_type
scope_behavior(scope_self self,
               const std::shared_ptr<scope_actor_options>& options) {
  silence(self);
  auto& state = self->state;
  state.read_again = reader_of(options->with, options->engine->identity());
  state.engine = std::move(options->engine);
  state.loaders = options->loaders;
  state.committer = options->committer;
  state.usage = options->usage;
  state.node = options->node;
  state.session = options->session;
  state.sessions = options->with.sessions;
  ++state.node->living_scopes;
  after_work(self);
  return {
    [self](const perform& what) -> caf::result<performed> {
      if (is_closing(self))
        return to_performed(closing_error(self));
      return start(self, what.asked,
                   self->state.engine->waits_for_reload(*what.asked));
    },
    [self](const perform_for& what) {
      if (is_closing(self)) {
        what.caller->deliver(closing_error(self));
        return;
      }
      auto must_wait = self->state.engine->waits_for_reload(*what.asked);
      start_job(self, add_job(self, what.caller), what.asked, must_wait);
    },
    [self](const resume& later) { on_resume(self, later); },
    [self](const flush_audit&) {
      if (self->state.engine)
        on_flush(self);
    },
    [self](const reload&) {
      if (self->state.engine)
        on_reload(self);
    },
    [self](const sleep& how) {
      return self->state.engine ? on_sleep(self, how.for_good) : slept{true};
    },
    [self](const close_session&) { return close(self); },
    [self](const actors::look_at_closing&) {
      guarded(self, [self] { look_at_closing(self); });
    },
  };
}

} // namespace

scope_actor spawn_scope(caf::actor_system& system,
                        scope_actor_options options) {
  return system.spawn(
    scope_behavior, std::make_shared<scope_actor_options>(std::move(options)));
}

} // namespace cloister::actors
