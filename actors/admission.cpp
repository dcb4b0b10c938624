// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "actors/admission.hpp"

#include "core/limits.hpp"

namespace cloister::actors {

admission::admission(std::shared_ptr<node_usage> node,
                     std::shared_ptr<scope_usage> scope, std::size_t bytes)
  : node_(std::move(node)), scope_(std::move(scope)), bytes_(bytes) {}

admission& admission::operator=(admission&& other) noexcept {
  if (this != &other) {
    leave();
    node_ = std::move(other.node_);
    scope_ = std::move(other.scope_);
    bytes_ = other.bytes_;
  }
  return *this;
}

admission::~admission() {
  leave();
}

void admission::leave() {
  if (node_) {
    node_->in_flight.fetch_sub(1, std::memory_order_relaxed);
    node_->in_flight_bytes.fetch_sub(bytes_, std::memory_order_relaxed);
  }
  if (scope_)
    scope_->in_flight.fetch_sub(1, std::memory_order_relaxed);
}

result<admission> admission::enter(std::shared_ptr<node_usage> node,
                                   std::size_t bytes) {
  auto carried
    = node->in_flight_bytes.fetch_add(bytes, std::memory_order_relaxed);
  auto of_node = node->in_flight.fetch_add(1, std::memory_order_relaxed);
  admission place{std::move(node), nullptr, bytes};
  if (of_node >= limits::in_flight_per_node_max
      || carried > limits::in_flight_bytes_max)
    return error{errc::overloaded,
                 "the node has too many requests in flight; "
                 "try again shortly",
                 limits::overload_retry_hint};
  return place;
}

result<admission> admission::enter(std::shared_ptr<scope_usage> scope) {
  auto of_scope = scope->in_flight.fetch_add(1, std::memory_order_relaxed);
  admission place{nullptr, std::move(scope), 0};
  if (of_scope >= limits::in_flight_per_scope_max)
    return error{errc::overloaded,
                 "this scope has too many requests in "
                 "flight; try again shortly",
                 limits::overload_retry_hint};
  return place;
}

} // namespace cloister::actors
