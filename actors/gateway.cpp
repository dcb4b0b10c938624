// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "actors/gateway_impl.hpp"
#include "persistence/locator.hpp"

namespace cloister::actors {

namespace {

/// Messages an actor handles before others get the thread.
constexpr std::size_t messages_per_turn = 16;

std::unique_ptr<caf::actor_system_config>
make_config(std::size_t scheduler_threads) {
  auto config = std::make_unique<caf::actor_system_config>();
  // "sharing" answers blocking requests ten times faster than "stealing".
  config->set("scheduler.policy", caf::atom("sharing"));
  config->set("scheduler.max-throughput", messages_per_turn);
  if (scheduler_threads > 0)
    config->set("scheduler.max-threads", scheduler_threads);
  // Nothing of CAF's own may reach a terminal or a file.
  config->set("logger.verbosity", caf::atom("quiet"));
  return config;
}

bool creates(const engine::operation& what) {
  return std::holds_alternative<engine::create_memories>(what);
}

} // namespace

scope_binding::scope_binding(scope name) : name_(std::move(name)) {}

scope_binding::~scope_binding() = default;

gateway::gateway(std::unique_ptr<impl> parts) : impl_(std::move(parts)) {}

result<std::unique_ptr<gateway>> gateway::start(persistence::node_store& over,
                                                gateway_options options) {
  auto with = engine::services{*over.records,
                               *over.catalog,
                               *over.journal,
                               *over.expiries,
                               options.time,
                               std::make_shared<auth::revocations>(),
                               options.allow_personal_ids,
                               options.content_cache_bytes,
                               options.before_operation};
  std::unique_ptr<impl> parts{new impl{over, std::move(options), with}};
  // The supervisor would wait for damage to get better.
  if (auto node = engine::load_node(parts->with); node.has_error())
    return node.error();
  if (parts->options.system == nullptr) {
    parts->config = make_config(parts->options.scheduler_threads);
    parts->own_system = std::make_unique<caf::actor_system>(*parts->config);
    parts->system = parts->own_system.get();
  } else {
    parts->system = parts->options.system;
  }
  parts->callers = std::make_unique<caller_pool>(*parts->system);
  const auto& o = parts->options;
  parts->supervisor = spawn_supervisor(
    *parts->system,
    {parts->with, over.records.get(), over.slots.get(), over.directory.get(),
     parts->usage, parts->core, o.loader_threads, o.memory_budget_bytes,
     o.idle_after, o.sweep_interval});
  {
    auto caller = parts->callers->take();
    (*caller)
      ->request(parts->supervisor, caf::infinite, await_core{})
      .receive([](const core_state&) {}, [](const caf::error&) {});
  }
  std::unique_ptr<gateway> made{new gateway{std::move(parts)}};
  if (auto started = made->perform_on_node(engine::start_node{});
      started.has_error())
    return started.error();
  made->bring_journal_home();
  return made;
}

gateway::~gateway() {
  {
    auto caller = impl_->callers->take();
    (*caller)
      ->request(impl_->supervisor, caf::infinite, shut_down{})
      .receive([](const slept&) {}, [](const caf::error&) {});
  }
  impl_->supervisor = nullptr;
  impl_->core->set({});
  impl_->callers.reset();
}

namespace {

/// The scope that a journal's entries belong to, where it can be opened.
result<scope> owner_of(persistence::catalog& catalog,
                       const persistence::journal_owner& owner) {
  auto organization = catalog.follow(owner.organization, {});
  if (organization.has_error())
    return organization.error();
  if (owner.tag == (*organization)->tag)
    return (*organization)->name;
  auto candidates
    = catalog.locate(**organization, persistence::locator_of(owner.tag));
  if (candidates.has_error())
    return candidates.error();
  for (const auto& path : *candidates) {
    if (path.back() != owner.tag)
      continue;
    auto found = catalog.follow((*organization)->tag, path);
    if (found.has_error())
      return found.error();
    return (*found)->name;
  }
  return error{errc::not_found, "no scope has that tag"};
}

} // namespace

/// Wakes each scope that has entries in the journal of a dead process, so that
/// it takes them into its chain, and lets it sleep again. Where that fails they
/// stay in the journal, for when the scope is used or for the next start.
void gateway::bring_journal_home() {
  for (const auto& left : impl_->with.journal.left_behind()) {
    if (left.tag == persistence::node_identity::tag_of_node())
      continue;
    auto name = owner_of(impl_->with.catalog, left);
    if (name.has_error())
      continue;
    auto found = impl_->find(*name, if_absent::report);
    if (found && found->handle)
      impl_->let_sleep(found->handle);
  }
}

result<gateway_answer> gateway::perform(scope_binding& binding,
                                        const auth::authority_ptr& who,
                                        auth::operation kind,
                                        engine::operation what,
                                        std::chrono::milliseconds timeout) {
  auto id = auth::make_request_id();
  auto grant
    = auth::decide(who, kind, binding.name(), impl_->options.time->now(), id);
  if (grant.has_error())
    return impl_->refused(who, kind, id, grant.error(), binding.name(),
                          engine::targets_of(what));
  auto otherwise = creates(what) ? if_absent::create : if_absent::report;
  std::optional<found_scope> absent;
  auto asked = impl_->make_request(*grant, std::move(what), timeout);
  auto done = impl_->ask(binding, asked, otherwise, absent);
  if (done.has_error())
    return impl_->told(asked, binding.name(), done.error());
  if (*done)
    return gateway_answer{std::move(**done)};
  // It was never written to: the nearest ancestor remembers who asked.
  engine::note_access access{errc::not_found,
                             {},
                             binding.name(),
                             engine::targets_of(asked->what),
                             who,
                             kind,
                             id};
  if (auto noted = impl_->note(*absent->nearest, std::move(access));
      noted.has_error())
    return noted.error();
  return gateway_answer{absent_scope{}};
}

result<void> gateway::check(const auth::authority_ptr& who,
                            auth::operation kind, const scope& target) {
  auto id = auth::make_request_id();
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (grant.has_error())
    return impl_->refused(who, kind, id, grant.error(), target);
  return {};
}

error gateway::refuse(const auth::authority_ptr& who, auth::operation kind,
                      const error& why) {
  return impl_->refused(who, kind, auth::make_request_id(), why, who->root);
}

result<engine::answer>
gateway::perform_on_organization(scope_binding& organization,
                                 const scope& target,
                                 const auth::authority_ptr& who,
                                 auth::operation kind, engine::operation what) {
  auto id = auth::make_request_id();
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (grant.has_error())
    return impl_->refused(who, kind, id, grant.error(), target);
  std::optional<found_scope> absent;
  auto asked = impl_->make_request(*grant, std::move(what), {});
  auto done = impl_->ask(organization, asked, if_absent::report, absent);
  if (done.has_error())
    return impl_->told(asked, target, done.error());
  if (!*done)
    return error{errc::not_found, "no such organization"};
  return std::move(**done);
}

result<engine::answer> gateway::perform_on_node(engine::node_operation what) {
  auto node = impl_->core->get().node;
  if (!node)
    return starting_error();
  auto asked = std::make_shared<engine::node_operation>(std::move(what));
  std::shared_ptr<result<engine::answer>> outcome;
  auto caller = impl_->callers->take();
  (*caller)
    ->request(node, caf::infinite, actors::perform_on_node{asked})
    .receive([&](const performed& done) { outcome = done.outcome; },
             [](const caf::error&) {});
  return outcome ? std::move(*outcome) : unknown_outcome();
}

result<auth::authority_ptr> gateway::authenticate(std::string_view api_key) {
  auto refused = [this](error why) -> error {
    static_cast<void>(perform_on_node(engine::note_node{
      auth::operation::authenticate, auth::principal_kind::anonymous, why.code,
      why.detail}));
    return why;
  };
  auto key = auth::parse_api_key(api_key);
  if (key.has_error())
    return refused(key.error());
  error unknown{errc::unauthenticated,
                "the API key is not known here; see that "
                "it belongs to this store"};
  auto organization
    = impl_->with.catalog.organization_at(key->organization_locator());
  if (organization.has_error()) {
    if (organization.error().code == errc::not_found)
      return refused(unknown);
    return organization.error();
  }
  const auto& signing = (*organization)->organization->signing;
  auto signer = std::find_if(signing.begin(), signing.end(), [&](auto& s) {
    return s.first == key->signing_version();
  });
  if (signer == signing.end() || !auth::is_genuine(*key, signer->second))
    return refused(unknown);
  if (!key->restrictions.empty())
    return refused(
      {errc::unauthenticated, "this version does not know narrowed keys"});
  scope_binding binding{(*organization)->name};
  auto who = auth::system_authority((*organization)->name);
  auto done = perform_on_organization(binding, (*organization)->name, who,
                                      auth::operation::authenticate,
                                      engine::authenticate{key->id});
  if (done.has_error())
    return done.error();
  return std::get<auth::authority_ptr>(*done);
}

void gateway::sweep() {
  if (auto sweeper = impl_->core->get().sweeper)
    caf::anon_send(sweeper, actors::sweep{});
}

const engine::services& gateway::services() const {
  return impl_->with;
}

void gateway::compact_for_tests() const {
  impl_->over.records->compact();
}

void gateway::kill_core_for_tests(int which) const {
  auto core = impl_->core->get();
  auto kill = [](const auto& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
  };
  if (which % 3 == 0)
    kill(core.node);
  else if (which % 3 == 1)
    kill(core.directory);
  else
    kill(core.sweeper);
}

const node_usage& gateway::usage() const {
  return *impl_->usage;
}

} // namespace cloister::actors
