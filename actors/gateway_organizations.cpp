// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How organizations end: disabled first, and erased when their time has come.

#include "actors/gateway_impl.hpp"

namespace cloister::actors {

task<result<void>> gateway::disable_organization(scope name,
                                                 timestamp erased_at) {
  engine::node_operation what{engine::disable_organization{name, erased_at}};
  auto done = co_await impl_->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  impl_->disabled->add(name, erased_at);
  co_return result<void>{};
}

task<result<void>> gateway::keep_organization(scope name) {
  engine::node_operation what{engine::keep_organization{name}};
  auto done = co_await impl_->perform_on_node(std::move(what));
  // Also where it was kept before: the record alone decides.
  if (done || done.error().code == errc::conflict)
    impl_->disabled->remove(name);
  if (done.has_error())
    co_return done.error();
  co_return result<void>{};
}

task<result<engine::erased_child>> gateway::erase_organization(scope name) {
  auto erasing_it = impl_->erase_organization(name, false);
  co_return co_await erasing_it;
}

task<result<engine::erased_child>>
gateway::impl::erase_organization(scope name, bool is_due) {
  auto grant = auth::decide(auth::operator_authority(name),
                            auth::operation::erase_organization, name,
                            options.time->now(), auth::make_request_id());
  if (grant.has_error())
    co_return grant.error();
  // This may be gone once the erasure does not count any more.
  auto keeper = disabled;
  auto rates = with.rates;
  auto erasing_it = erase_decided(*grant, is_due);
  auto done = co_await erasing_it;
  // Whoever has the name next begins without its limits.
  if (done) {
    keeper->remove(name);
    rates->forget(name);
  }
  co_return done;
}

/// What the node's records say, when the process starts.
result<void> gateway::impl::bring_disabled_back() {
  auto found = wait_for(perform_on_node(engine::list_disabled{}));
  if (found.has_error())
    return found.error();
  for (const auto& each : std::get<engine::disabled_organizations>(*found).list)
    disabled->add(each.name, each.erased_at);
  return {};
}

void gateway::impl::erase_due_organizations() {
  if (options.keeps_disabled)
    return;
  for (auto& name : disabled->take_due(options.time->now()))
    erase_due(std::move(name));
}

/// What fails is tried again by the next look. Before anything is closed for it
/// the node is asked: somebody may have kept it meanwhile.
detached_task gateway::impl::erase_due(scope name) {
  auto keeper = disabled;
  auto asking_it = is_still_due(name);
  auto due = co_await asking_it;
  if (due) {
    auto erasing_it = erase_organization(name, true);
    auto done = co_await erasing_it;
    // Somebody else has erased it, or it is not there.
    if (done.has_error() && is_gone(done.error()))
      keeper->remove(name);
  }
  keeper->leave(name);
}

task<bool> gateway::impl::is_still_due(scope name) {
  auto keeper = disabled;
  auto now = options.time->now();
  auto found = co_await perform_on_node(engine::list_disabled{});
  if (found.has_error())
    co_return false;
  for (const auto& each : std::get<engine::disabled_organizations>(*found).list)
    if (each.name == name)
      co_return each.erased_at <= now;
  keeper->remove(name);
  co_return false;
}

task<result<void>> gateway::reinstate_organization(scope name) {
  engine::node_operation what{engine::reinstate_organization{name}};
  auto done = co_await impl_->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  impl_->disabled->remove(name);
  co_return result<void>{};
}

} // namespace cloister::actors
