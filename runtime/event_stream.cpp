// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/event_stream.hpp"

#include "runtime/client_impl.hpp"

namespace cloister {

using auth::operation;

/// Shared with the calls under way, which outlive it.
struct event_stream::impl {
  std::shared_ptr<const client::impl> of;
  std::optional<event_position> after;
  bool goes_on = false;
  std::shared_ptr<const void> watch;

  static call<event_page> next(std::shared_ptr<impl> self);
};

call<event_page> event_stream::impl::next(std::shared_ptr<impl> self) {
  engine::operation what{
    engine::read_events{self->after, limits::events_per_page, self->goes_on}};
  const auto& of = *self->of;
  auto how = self->goes_on ? actors::counted::nothing : actors::counted::call;
  auto asking = of.perform<event_page>(of.binding, operation::follow_events,
                                       std::move(what), how);
  auto done = co_await asking;
  if (done.has_error())
    co_return done.error();
  // Where nothing was ever written there is no chain: all of it is new.
  auto page = *done ? std::move(**done)
                    : event_page{{}, self->after.value_or(event_position{})};
  self->goes_on = done->has_value();
  self->after = page.next;
  co_return page;
}

event_stream::event_stream(std::shared_ptr<impl> parts)
  : impl_(std::move(parts)) {}
event_stream::event_stream(event_stream&& other) noexcept = default;
event_stream& event_stream::operator=(event_stream&& other) noexcept = default;

/// A call under way keeps the rest.
event_stream::~event_stream() {
  if (impl_ != nullptr)
    impl_->watch.reset();
}

result<event_page> event_stream::next() {
  return wait(impl::next(impl_));
}

void event_stream::next(completion_handler<event_page> done) {
  start(impl_, impl_->of->node, impl::next(impl_), std::move(done));
}

event_stream client::follow_events(std::optional<event_position> after,
                                   std::function<void()> wake) const {
  auto parts = std::make_shared<event_stream::impl>();
  parts->of = impl_;
  parts->after = after;
  parts->watch = impl_->node->gateway->services().signals->watch(
    bound_to(), std::move(wake));
  return event_stream{std::move(parts)};
}

call<std::vector<scope>> client::impl::found_scopes() const {
  engine::operation what{engine::list_scopes{limits::subtree_scopes_max}};
  auto below = co_await perform<engine::scope_list>(
    binding, operation::find_scopes, std::move(what));
  if (below.has_error())
    co_return below.error();
  std::vector<scope> out;
  if (!*below)
    co_return out;
  auto names = listed_names(**below);
  if (names.has_error())
    co_return names.error();
  out.push_back(binding->name());
  out.insert(out.end(), names->begin(), names->end());
  co_return out;
}

call<std::vector<scope>> client::impl::holders_of(memory_id id) const {
  engine::operation what{engine::find_holders{id, binding->name()}};
  auto done = co_await node->gateway->perform_on_organization(
    organization, binding->name(), who, operation::find_scopes,
    std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return std::move(std::get<engine::scope_names>(*done).names);
}

result<std::vector<scope>> client::find_scopes() const {
  return wait(impl_->found_scopes());
}

void client::find_scopes(completion_handler<std::vector<scope>> done) const {
  start(impl_, impl_->node, impl_->found_scopes(), std::move(done));
}

result<std::vector<scope>> client::find_holders(const memory_id& id) const {
  return wait(impl_->holders_of(id));
}

void client::find_holders(const memory_id& id,
                          completion_handler<std::vector<scope>> done) const {
  start(impl_, impl_->node, impl_->holders_of(id), std::move(done));
}

} // namespace cloister
