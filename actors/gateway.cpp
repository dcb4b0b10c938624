// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <thread>

#include "actors/gateway_impl.hpp"
#include "engine/erasures.hpp"
#include "persistence/locator.hpp"

namespace cloister::actors {

namespace {

/// Messages an actor handles before others get the thread.
constexpr std::size_t messages_per_turn = 16;

std::unique_ptr<caf::actor_system_config>
make_config(std::size_t scheduler_threads) {
  auto config = std::make_unique<caf::actor_system_config>();
  // "sharing" answers blocking requests several times faster than "stealing".
  config->set("scheduler.policy", caf::atom("sharing"));
  config->set("scheduler.max-throughput", messages_per_turn);
  if (scheduler_threads > 0)
    config->set("scheduler.max-threads", scheduler_threads);
  // Nothing of CAF's own may reach a terminal or a file.
  config->set("logger.verbosity", caf::atom("quiet"));
  return config;
}

bool creates(const engine::operation& what, const scope& name) {
  // A session is opened by being written to, and by nothing else.
  return std::holds_alternative<engine::create_memories>(what)
         || (std::holds_alternative<engine::configure_scope>(what)
             && name.kind() != scope_kind::session);
}

} // namespace

bool is_stealing(const caf::actor_system& system) {
  auto stealing = caf::atom("stealing");
  return caf::get_or(system.config(), "scheduler.policy", stealing) == stealing;
}

scope_binding::scope_binding(scope name) : name_(std::move(name)) {}

scope_binding::~scope_binding() = default;

gateway::gateway(std::unique_ptr<impl> parts) : impl_(std::move(parts)) {}

result<std::unique_ptr<gateway>> gateway::start(persistence::node_store& over,
                                                gateway_options options) {
  auto with
    = engine::services{*over.records,
                       *over.catalog,
                       *over.journal,
                       *over.expiries,
                       options.time,
                       std::make_shared<auth::revocations>(),
                       options.allow_personal_ids,
                       options.content_cache_bytes,
                       options.checkpoint_documents_min,
                       options.before_operation,
                       std::make_shared<engine::session_table>(options.time),
                       over.session_files};
  with.purge_within = options.purge_within;
  std::unique_ptr<impl> parts{new impl{over, std::move(options), with}};
  // The supervisor would wait for damage to get better.
  if (auto node = engine::load_node(parts->with); node.has_error())
    return node.error();
  // What was meant to be gone must not be read again: nobody wakes it.
  auto begun = engine::read_unfinished(parts->with);
  if (begun.has_error())
    return begun.error();
  for (const auto& each : *begun)
    if (each.name && !each.destroyed && parts->closed->close(*each.name))
      parts->erasing->leave_closed(*each.name);
  parts->home.run([&parts] { parts->start_actors(); });
  std::unique_ptr<gateway> made{new gateway{std::move(parts)}};
  if (auto started = wait_for(made->perform_on_node(engine::start_node{}));
      started.has_error())
    return started.error();
  // Where that cannot be done now it is tried again, and stays closed.
  auto finished = wait_for(made->impl_->finish_begun());
  if (auto back = made->impl_->bring_disabled_back(); back.has_error())
    return back.error();
  if (auto back = made->impl_->bring_sessions_back(); back.has_error())
    return back.error();
  // Sessions may have copies of what is to go with them.
  if (finished || wait_for(made->impl_->finish_begun()))
    static_cast<void>(made->impl_->erasing->must_look_for_begun());
  made->bring_journal_home();
  made->impl_->keep_finishing();
  // Those that are due end even if this process is a short one.
  made->impl_->look_after_sessions();
  made->impl_->look_at_sessions_later();
  return made;
}

gateway::~gateway() {
  // First, so that what ends with the runtime can be written down.
  impl_->end_all_sessions();
  impl_->erasing->end();
  impl_->note_rate_refusals();
  impl_->home.run([this] { impl_->end_actors(); });
}

void gateway::impl::start_actors() {
  if (options.system == nullptr) {
    config = make_config(options.scheduler_threads);
    own_system = std::make_unique<caf::actor_system>(*config);
    system = own_system.get();
  } else {
    system = options.system;
  }
  auto threads = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i)
    dispatchers.push_back(spawn_dispatcher(*system));
  supervisor = spawn_supervisor(
    *system,
    {with, over.records.get(), over.slots.get(), over.directory.get(), usage,
     core, closed, options.loader_threads, options.memory_budget_bytes,
     options.idle_after, options.sweep_interval});
  caf::scoped_actor caller{*system};
  caller->request(supervisor, caf::infinite, await_core{})
    .receive([](const core_state&) {}, [](const caf::error&) {});
}

void gateway::impl::end_actors() {
  {
    caf::scoped_actor caller{*system};
    caller->request(supervisor, caf::infinite, shut_down{})
      .receive([](const slept&) {}, [](const caf::error&) {});
  }
  supervisor = nullptr;
  core->set({});
  for (auto& dispatcher : dispatchers)
    caf::anon_send_exit(dispatcher, caf::exit_reason::user_shutdown);
  dispatchers.clear();
  own_system.reset();
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
    auto found = wait_for(impl_->find(*name, if_absent::report));
    if (found && found->handle)
      static_cast<void>(wait_for(impl_->let_sleep(found->handle)));
  }
}

task<result<gateway_answer>>
gateway::perform(std::shared_ptr<scope_binding> binding,
                 auth::authority_ptr who, auth::operation kind,
                 engine::operation what, std::chrono::milliseconds timeout,
                 counted how) {
  auto id = auth::make_request_id(*who);
  auto grant
    = auth::decide(who, kind, binding->name(), impl_->options.time->now(), id);
  if (auto early = impl_->over_rate(*who, kind, binding->name(), grant, how))
    co_return co_await impl_->refused_by_rate(who, kind, id, *early);
  if (grant.has_error())
    co_return co_await impl_->refused(
      who, kind, id, grant.error(), binding->name(), engine::targets_of(what));
  auto otherwise
    = creates(what, binding->name()) ? if_absent::create : if_absent::report;
  gateway_call call{impl_->make_request(*grant, std::move(what), timeout), {}};
  auto done = co_await impl_->ask(binding, otherwise, call);
  if (done.has_error())
    co_return co_await impl_->told(call.asked, binding->name(), done.error());
  if (*done)
    co_return gateway_answer{std::move(**done)};
  // It was never written to: the nearest ancestor remembers who asked.
  engine::note_access access{errc::not_found,
                             {},
                             binding->name(),
                             engine::targets_of(call.asked->what),
                             who,
                             kind,
                             id};
  auto noted = co_await impl_->note(*call.absent->nearest, std::move(access));
  if (noted.has_error())
    co_return noted.error();
  co_return gateway_answer{absent_scope{}};
}

task<result<void>> gateway::check(auth::authority_ptr who, auth::operation kind,
                                  scope target) {
  auto id = auth::make_request_id(*who);
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (auto early = impl_->over_rate(*who, kind, target, grant))
    co_return co_await impl_->refused_by_rate(who, kind, id, *early);
  if (auto why = impl_->refusal(grant))
    co_return co_await impl_->refused(who, kind, id, *why, target, {});
  co_return result<void>{};
}

task<error> gateway::refuse(auth::authority_ptr who, auth::operation kind,
                            error why) {
  auto id = auth::make_request_id(*who);
  if (auto early = impl_->over_rate(*who, kind, who->root, why))
    return impl_->refused_by_rate(who, kind, id, std::move(*early));
  return impl_->refused(who, kind, id, std::move(why), who->root, {});
}

task<result<engine::answer>>
gateway::perform_on_organization(std::shared_ptr<scope_binding> organization,
                                 scope target, auth::authority_ptr who,
                                 auth::operation kind, engine::operation what) {
  auto id = auth::make_request_id(*who);
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (auto early = impl_->over_rate(*who, kind, target, grant))
    co_return co_await impl_->refused_by_rate(who, kind, id, *early);
  if (grant.has_error())
    co_return co_await impl_->refused(who, kind, id, grant.error(), target, {});
  gateway_call call{
    impl_->make_request(*grant, std::move(what), std::chrono::milliseconds{0}),
    {}};
  auto done = co_await impl_->ask(organization, if_absent::report, call);
  if (done.has_error())
    co_return co_await impl_->told(call.asked, target, done.error());
  if (!*done)
    co_return error{errc::not_found, "no such organization"};
  co_return std::move(**done);
}

task<result<engine::answer>>
gateway::perform_on_node(engine::node_operation what) {
  return impl_->perform_on_node(std::move(what));
}

namespace {

error unknown_key() {
  return {errc::unauthenticated, "the API key is not known here; see that "
                                 "it belongs to this store"};
}

/// A key that its organization made, and what it was narrowed to since.
struct genuine_key {
  persistence::identity_ptr organization;
  engine::authenticate what;
};

result<genuine_key> check_genuine(const persistence::catalog& catalog,
                                  std::string_view api_key) {
  auto key = auth::parse_api_key(api_key);
  if (key.has_error())
    return key.error();
  auto organization = catalog.organization_at(key->organization_locator());
  if (organization.has_error() && is_gone(organization.error()))
    return unknown_key();
  if (organization.has_error())
    return organization.error();
  auto signing
    = (*organization)->organization->signing_key(key->signing_version());
  auto narrowings
    = signing ? auth::genuine_narrowings(*key, *signing) : std::nullopt;
  if (!narrowings)
    return unknown_key();
  engine::authenticate what{key->id, {}, std::move(*narrowings), {}};
  for (const auto& body : key->restrictions) {
    auto step = auth::decode_restriction(body);
    if (step)
      what.restrictions.push_back(std::move(*step));
    else
      what.void_because = step.error().detail;
  }
  return genuine_key{*organization, std::move(what)};
}

} // namespace

task<result<auth::authority_ptr>> gateway::authenticate(std::string api_key) {
  auto key = check_genuine(impl_->with.catalog, api_key);
  if (key.has_error()) {
    auto why = key.error();
    if (why.code == errc::unauthenticated) {
      engine::note_node refusal{auth::operation::authenticate,
                                auth::principal_kind::anonymous, why.code,
                                why.detail};
      static_cast<void>(co_await impl_->perform_on_node(std::move(refusal)));
    }
    co_return why;
  }
  auto name = key->organization->name;
  auto who = auth::system_authority(name);
  if (auto why = impl_->disabled->refusal(name))
    co_return co_await impl_->refused(who, auth::operation::authenticate,
                                      auth::make_request_id(), *why, name, {});
  auto done = co_await perform_on_organization(
    std::make_shared<scope_binding>(name), name, who,
    auth::operation::authenticate, std::move(key->what));
  if (done.has_error())
    co_return done.error();
  co_return std::move(std::get<auth::authority_ptr>(*done));
}

task<result<void>> gateway::impl::note(scope where,
                                       engine::note_access access) {
  auto grant
    = auth::decide(auth::system_authority(where.organization()), access.what,
                   where, options.time->now(), access.request);
  if (grant.has_error())
    co_return grant.error();
  gateway_call call{
    make_request(*grant, std::move(access), std::chrono::milliseconds{0}), {}};
  auto done = co_await ask(std::make_shared<scope_binding>(where),
                           if_absent::report, call);
  if (done.has_error())
    co_return done.error();
  co_return result<void>{};
}

task<error> gateway::impl::refused(auth::authority_ptr who,
                                   auth::operation kind,
                                   auth::request_id request, error why,
                                   scope target,
                                   std::vector<memory_id> targets) {
  engine::note_access access{why.code, why.detail, target, std::move(targets),
                             who,      kind,       request};
  auto noted = co_await note(who->root.organization(), std::move(access));
  if (noted.has_error())
    co_return noted.error();
  co_return why;
}

task<error> gateway::impl::told(std::shared_ptr<engine::request> asked,
                                scope target, error why) {
  auto passing = why.code == errc::overloaded || why.code == errc::unavailable
                 || why.code == errc::timeout;
  if (asked->started || passing)
    co_return why;
  auto told = co_await refused(asked->grant.who_ptr(), asked->grant.what(),
                               asked->grant.request(), why, target,
                               engine::targets_of(asked->what));
  if (told.code == errc::unavailable)
    co_return told;
  co_return why;
}

void gateway::dispatch(std::function<void()> work) {
  impl_->dispatch(
    [work = std::move(work)](dispatcher_actor::pointer) { work(); });
}

void gateway::sweep() {
  if (auto sweeper = impl_->core->get().sweeper)
    caf::anon_send(sweeper, actors::sweep{});
  impl_->look_after_sessions();
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
