// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/runtime.hpp"

#include "runtime/init.hpp"
#include "runtime/open_parts.hpp"
#include "runtime/runtime_impl.hpp"

namespace cloister {

namespace {

/// Opens the store, making it where that is wanted.
result<persistence::node_store> open_store(const runtime_options& options) {
  auto files = persistence::posix_file_system();
  if (options.create
      && !persistence::data_directory::exists(*files, options.data_dir)) {
    auto made = initialize({options.data_dir, options.master_key_file});
    if (made.has_error())
      return made.error();
  }
  return open_parts({options.data_dir, options.master_key_file});
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
  return out;
}

result<scope> parse_organization(std::string_view name) {
  auto parsed = scope::parse(name);
  if (parsed.has_error())
    return parsed.error();
  if (parsed->kind() != scope_kind::org)
    return error{errc::invalid_argument,
                 "an organization is one segment, e.g. org_acme"};
  return parsed;
}

} // namespace

runtime::runtime(std::shared_ptr<impl> parts) : impl_(std::move(parts)) {}

result<runtime> runtime::open(const runtime_options& options) {
  auto store = open_store(options);
  if (store.has_error())
    return store.error();
  return make_runtime(std::move(*store), to_gateway_options(options));
}

result<runtime> make_runtime(persistence::node_store store,
                             actors::gateway_options options) {
  auto parts = std::make_shared<runtime::impl>();
  parts->store = std::move(store);
  auto gateway = actors::gateway::start(parts->store, std::move(options));
  if (gateway.has_error())
    return gateway.error();
  parts->gateway = std::move(*gateway);
  return runtime{std::move(parts)};
}

using opening = engine::create_organization::mode;

result<organization> runtime::organization(std::string_view name) const {
  return open_organization(name, static_cast<int>(opening::create_or_open));
}

result<organization>
runtime::existing_organization(std::string_view name) const {
  return open_organization(name, static_cast<int>(opening::open));
}

result<organization> runtime::open_organization(std::string_view name,
                                                int how) const {
  auto parsed = parse_organization(name);
  if (parsed.has_error())
    return parsed.error();
  auto made = impl_->gateway->perform_on_node(
    engine::create_organization{*parsed, static_cast<opening>(how)});
  if (made.has_error())
    return made.error();
  return cloister::organization{std::make_shared<cloister::organization::impl>(
    cloister::organization::impl{impl_, auth::operator_authority(*parsed)})};
}

result<new_key> runtime::create_organization(std::string_view name) const {
  auto parsed = parse_organization(name);
  if (parsed.has_error())
    return parsed.error();
  auto made
    = impl_->gateway->perform_on_node(engine::create_organization{*parsed});
  if (made.has_error() && made.error().code == errc::conflict)
    return error{errc::conflict, std::string{name}
                                   + " exists already; for a new key of it, "
                                     "without an API key: `cloister key create "
                                     "--scope "
                                   + std::string{name} + " --permissions all`"};
  if (made.has_error())
    return made.error();
  auto handle = organization(name);
  if (handle.has_error())
    return handle.error();
  return handle->create_key({.label = "admin"});
}

result<scope_listing> runtime::list_organizations() const {
  auto done = impl_->gateway->perform_on_node(engine::list_organizations{});
  if (done.has_error())
    return done.error();
  return to_listing(std::get<engine::scope_list>(*done));
}

result<client> runtime::client(std::string_view api_key,
                               std::string_view user_id) const {
  auto who = impl_->gateway->authenticate(api_key);
  if (who.has_error())
    return who.error();
  return make_client(impl_, *who, user_id);
}

result<audit_list>
runtime::list_node_audit(const audit_options& options) const {
  auto wanted = to_list_audit(options);
  if (wanted.has_error())
    return wanted.error();
  auto done = impl_->gateway->perform_on_node(
    engine::list_node_audit{std::move(*wanted)});
  if (done.has_error())
    return done.error();
  return to_audit_list(std::move(std::get<engine::audit_page>(*done)));
}

result<audit_verification> runtime::verify_all() const {
  auto done = impl_->gateway->perform_on_node(engine::verify_node_audit{});
  if (done.has_error())
    return done.error();
  return to_verification(std::get<engine::audit_report>(*done));
}

void runtime::sweep() const {
  impl_->gateway->sweep();
}

organization::organization(std::shared_ptr<impl> parts)
  : impl_(std::move(parts)) {}

result<client> organization::client(std::string_view user_id) const {
  return make_client(impl_->node, impl_->who, user_id);
}

result<organization_settings>
organization::configure(const organization_changes& changes) const {
  actors::scope_binding root{impl_->who->root};
  auto done = impl_->node->gateway->perform_on_organization(
    root, root.name(), impl_->who, auth::operation::configure_organization,
    engine::configure_organization{changes.search_language});
  if (done.has_error())
    return done.error();
  return organization_settings{
    std::get<persistence::organization_settings>(*done).search_language};
}

result<organization_settings> organization::settings() const {
  actors::scope_binding root{impl_->who->root};
  auto done = impl_->node->gateway->perform_on_organization(
    root, root.name(), impl_->who, auth::operation::show_settings,
    engine::show_settings{});
  if (done.has_error())
    return done.error();
  return organization_settings{
    std::get<persistence::organization_settings>(*done).search_language};
}

result<new_key> organization::create_key(key_options options) const {
  auto root = client();
  if (root.has_error())
    return root.error();
  return root->create_key(std::move(options));
}

} // namespace cloister
