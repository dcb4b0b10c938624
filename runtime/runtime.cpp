// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/runtime.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <spdlog/spdlog.h>

#include "crypto/key_slab.hpp"
#include "runtime/audit_export.hpp"
#include "runtime/init.hpp"
#include "runtime/master_key_source.hpp"
#include "runtime/open_parts.hpp"
#include "runtime/rotation_impl.hpp"
#include "runtime/runtime_impl.hpp"
#include "runtime/signing.hpp"
#include "runtime/unfinished.hpp"

namespace cloister {

namespace {

master_key_source key_source_of(const runtime_options& options) {
  return {options.master_key_file, options.master_key_command,
          options.passphrase};
}

/// A store whose master key is not there answers everything with that.
runtime::impl* sealed_parts(error why) {
  auto parts = std::make_unique<runtime::impl>();
  parts->sealed = std::move(why);
  return parts.release();
}

/// Opens the store, making it where that is wanted.
result<persistence::node_store> open_store(const runtime_options& options,
                                           found_master_key& place) {
  auto files = persistence::posix_file_system();
  if (options.create
      && !persistence::data_directory::exists(*files, options.data_dir)) {
    auto made = initialize({options.data_dir, key_source_of(options)});
    if (made.has_error())
      return made.error();
  }
  return open_parts({options.data_dir, key_source_of(options)}, &place);
}

/// A runtime that this process has let go of may still be closing.
result<persistence::node_store> open_when_closed(const runtime_options& options,
                                                 found_master_key& place) {
  constexpr std::chrono::seconds patience{5};
  auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    auto ended = unfinished::ended();
    auto store = open_store(options, place);
    bool held = store.has_error()
                && persistence::data_directory::is_of_this_process(
                  *persistence::posix_file_system(), options.data_dir);
    if (!held || !unfinished::wait_past(ended, until))
      return store;
  }
}

actors::gateway_options to_gateway_options(const runtime_options& options) {
  actors::gateway_options out;
  out.time = options.time ? options.time : system_clock();
  out.allow_personal_ids = options.allow_personal_ids;
  out.scheduler_threads = options.scheduler_threads;
  out.loader_threads = options.loader_threads;
  out.memory_budget_bytes = options.memory_budget_bytes;
  out.content_cache_bytes = options.content_cache_bytes;
  out.idle_after = options.scope_idle;
  out.sweep_interval = options.sweep_interval;
  out.purge_within = options.purge_within;
  out.system = options.system;
  return out;
}

/// Its thread must not hold the runtime, or it would never close.
std::unique_ptr<checkpoint_shipper>
ship_checkpoints(runtime::impl& of, const runtime_options& options) {
  auto make = [&of]() -> result<std::string> {
    auto made = wait(of.checkpoint());
    if (made.has_error())
      return made.error();
    return to_json_text(*made);
  };
  // Neither the command nor what it printed: both may hold secrets.
  auto warn = [](const error& failure) {
    spdlog::warn("a checkpoint could not be shipped: {}; it is tried again "
                 "when the next one is due",
                 failure.detail);
  };
  return std::make_unique<checkpoint_shipper>(checkpoint_shipper::parts{
    make, ship_by_command(*options.checkpoint_command),
    wait_between(options.checkpoint_interval), warn});
}

/// A runtime may end where its last handle is dropped, but not on one of its
/// own threads, which it waits for.
void end(runtime::impl* parts) {
  auto waited_for = unfinished::begin_end();
  if (!actors::actor_thread_mark::is_set()) {
    delete parts;
    return;
  }
  std::thread{[parts, waited_for] { delete parts; }}.detach();
}

} // namespace

runtime::runtime(std::shared_ptr<impl> parts) : impl_(std::move(parts)) {}

result<runtime> runtime::open(const runtime_options& options) {
  if (options.system != nullptr && actors::is_stealing(*options.system))
    spdlog::warn("the actor system that Cloister joins runs the scheduler "
                 "policy \"stealing\"; set scheduler.policy to \"sharing\", or "
                 "blocking calls are several times slower");
  if (actors::actor_thread_mark::is_set())
    return error{errc::invalid_argument,
                 "a runtime is opened by a thread of its own: this one runs "
                 "actors, which opening would wait for"};
  if (options.checkpoint_command && options.checkpoint_interval.count() <= 0)
    return error{errc::invalid_argument,
                 "checkpoint_interval is how often one is shipped; give a time "
                 "of more than 0"};
  if (options.data_dir.empty())
    return error{errc::invalid_argument,
                 "data_dir is empty; name the folder of the store"};
  found_master_key place;
  auto store = open_when_closed(options, place);
  if (store.has_error() && store.error().code == errc::sealed)
    return runtime{std::shared_ptr<impl>{sealed_parts(store.error()), end}};
  if (store.has_error())
    return store.error();
  auto opened = make_runtime(std::move(*store), to_gateway_options(options),
                             std::move(place));
  if (opened && options.checkpoint_command)
    opened->impl_->shipper = ship_checkpoints(*opened->impl_, options);
  return opened;
}

result<runtime> make_runtime(persistence::node_store store,
                             actors::gateway_options options,
                             found_master_key place) {
  std::shared_ptr<runtime::impl> parts{new runtime::impl, end};
  parts->store = std::move(store);
  parts->key_place = std::move(place);
  auto gateway = actors::gateway::start(parts->store, std::move(options));
  if (gateway.has_error())
    return gateway.error();
  parts->gateway = std::move(*gateway);
  // What a former process has begun; where that fails it is tried again.
  if (parts->store.rotating)
    if (auto done = finish_rotation(*parts); done.has_error())
      spdlog::warn("the rotation of the master key could not be finished: {}",
                   done.error().detail);
  if (!crypto::slab_status().locked)
    spdlog::warn("the system does not let keys be locked in memory: raise "
                 "`ulimit -l`, or see that swap is off or encrypted");
  return runtime{std::move(parts)};
}

std::optional<error> runtime::sealed() const {
  return impl_->sealed;
}

result<organization> runtime::organization(std::string_view name) const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(impl::open_organization(impl_, std::string{name},
                                      impl::opening::create_or_open));
}

void runtime::organization(
  std::string_view name,
  completion_handler<cloister::organization> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(impl_, impl_,
          impl::open_organization(impl_, std::string{name},
                                  impl::opening::create_or_open),
          std::move(done));
}

result<organization>
runtime::existing_organization(std::string_view name) const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(
    impl::open_organization(impl_, std::string{name}, impl::opening::open));
}

void runtime::existing_organization(
  std::string_view name,
  completion_handler<cloister::organization> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(
      impl_, impl_,
      impl::open_organization(impl_, std::string{name}, impl::opening::open),
      std::move(done));
}

result<new_key> runtime::create_organization(std::string_view name) const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(impl::make_organization(impl_, std::string{name}));
}

void runtime::create_organization(std::string_view name,
                                  completion_handler<new_key> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(impl_, impl_, impl::make_organization(impl_, std::string{name}),
          std::move(done));
}

result<scope_listing> runtime::list_organizations() const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(impl_->organizations());
}

void runtime::list_organizations(completion_handler<scope_listing> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(impl_, impl_, impl_->organizations(), std::move(done));
}

result<client> runtime::client(std::string_view api_key,
                               std::string_view user_id) const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(
    impl::open_client(impl_, std::string{api_key}, std::string{user_id}));
}

result<client> runtime::client(const new_key& key,
                               std::string_view user_id) const {
  return client(key.api_key, user_id);
}

void runtime::client(std::string_view api_key, std::string_view user_id,
                     completion_handler<cloister::client> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(impl_, impl_,
          impl::open_client(impl_, std::string{api_key}, std::string{user_id}),
          std::move(done));
}

result<audit_list> runtime::list_node_audit(audit_options options) const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(impl_->node_audit(std::move(options)));
}

void runtime::list_node_audit(audit_options options,
                              completion_handler<audit_list> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(impl_, impl_, impl_->node_audit(std::move(options)), std::move(done));
}

result<audit_export_summary> runtime::export_audit(audit_line_sink sink) const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(impl::export_audit(impl_, std::move(sink)));
}

void runtime::export_audit(
  audit_line_sink sink, completion_handler<audit_export_summary> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(impl_, impl_, impl::export_audit(impl_, std::move(sink)),
          std::move(done));
}

result<audit_checkpoint> runtime::make_checkpoint() const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(impl_->checkpoint());
}

void runtime::make_checkpoint(completion_handler<audit_checkpoint> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(impl_, impl_, impl_->checkpoint(), std::move(done));
}

result<audit_verification>
runtime::verify_all(const std::optional<audit_checkpoint>& against) const {
  if (impl_->sealed)
    return *impl_->sealed;
  return wait(impl_->verify(against));
}

void runtime::verify_all(completion_handler<audit_verification> done) const {
  if (impl_->sealed && done)
    done(*impl_->sealed);
  if (!impl_->sealed)
    start(impl_, impl_, impl_->verify({}), std::move(done));
}

bool runtime::is_operator_key(std::string_view text) const {
  if (impl_->sealed)
    return false;
  // Of a digest, so that not even the length is told.
  auto own = crypto::hash(
    {operator_key_of(impl_->gateway->services().catalog.node())});
  return crypto::equal_in_constant_time(view_of(own),
                                        view_of(crypto::hash({text})));
}

std::string runtime::receipt_key() const {
  if (impl_->sealed)
    return {};
  return public_key_of(impl_->signing_seed());
}

namespace {

template <std::size_t Buckets>
measured_histogram measured(const histogram<Buckets>& from) {
  measured_histogram out;
  out.bounds.assign(from.bounds().begin(), from.bounds().end());
  for (std::size_t i = 0; i <= Buckets; ++i)
    out.counts.push_back(from.count(i));
  out.sum = from.sum();
  return out;
}

std::uint64_t not_negative(std::int64_t value) {
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

} // namespace

runtime_statistics runtime::statistics() const {
  runtime_statistics out;
  if (impl_->sealed)
    return out;
  const auto& usage = impl_->gateway->usage();
  const auto& with = impl_->gateway->services();
  const auto& counted = *with.counters;
  out.is_reopening = with.records.poisoned();
  out.active_scopes = usage.active_scopes;
  // These three are not of one instant.
  if (auto all = with.catalog.scopes()) {
    std::uint64_t awake = usage.active_scopes - usage.ephemeral_scopes;
    out.dormant_scopes = *all - std::min(*all, awake);
  }
  out.open_sessions = with.sessions->size();
  out.requests_in_flight = usage.in_flight;
  out.memory_bytes
    = not_negative(usage.memory_bytes + with.sessions->memory_bytes());
  out.commits_waiting = not_negative(counted.commits_waiting);
  out.audit_entries_waiting = with.journal.unsettled_entries();
  out.memories_expired = counted.memories_expired;
  out.data_keys_replaced = counted.data_keys_replaced;
  out.scopes_erased = counted.scopes_erased;
  out.sessions_ended = counted.sessions_ended;
  out.commit_changes = measured(counted.commit_changes);
  out.commit_microseconds = measured(counted.commit_microseconds);
  return out;
}

void runtime::sweep() const {
  if (!impl_->sealed)
    impl_->gateway->sweep();
}

organization::organization(std::shared_ptr<const impl> parts)
  : impl_(std::move(parts)) {}

result<client> organization::client(std::string_view user_id) const {
  return wait(bind_client(impl_->node, impl_->who, std::string{user_id}));
}

void organization::client(std::string_view user_id,
                          completion_handler<cloister::client> done) const {
  start(impl_, impl_->node,
        bind_client(impl_->node, impl_->who, std::string{user_id}),
        std::move(done));
}

result<new_key> organization::create_key(key_options options) const {
  return wait(make_key(impl_, std::move(options)));
}

void organization::create_key(key_options options,
                              completion_handler<new_key> done) const {
  start(impl_, impl_->node, make_key(impl_, std::move(options)),
        std::move(done));
}

result<organization_settings> organization::settings() const {
  return wait(impl_->settings());
}

void organization::settings(
  completion_handler<organization_settings> done) const {
  start(impl_, impl_->node, impl_->settings(), std::move(done));
}

result<organization_settings>
organization::configure(organization_changes changes) const {
  return wait(impl_->configure(changes));
}

void organization::configure(
  organization_changes changes,
  completion_handler<organization_settings> done) const {
  start(impl_, impl_->node, impl_->configure(changes), std::move(done));
}

} // namespace cloister
