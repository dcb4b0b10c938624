// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How the operator ends organizations.

#include "runtime/client_impl.hpp"

namespace cloister {

call<organization_erasure>
runtime::impl::end_organization(std::shared_ptr<impl> self, std::string name,
                                std::chrono::milliseconds delay) {
  auto parsed = parse_organization(name);
  if (parsed.has_error())
    co_return parsed.error();
  if (delay.count() < 0 || delay > limits::organization_erasure_delay_max)
    co_return error{errc::invalid_argument,
                    "a delay is 0 to 10 years; `--now` is none"};
  auto& gateway = *self->gateway;
  auto until = gateway.services().time->now() + delay;
  if (delay.count() > 0) {
    auto disabled = co_await gateway.disable_organization(*parsed, until);
    if (disabled.has_error())
      co_return disabled.error();
    co_return organization_erasure{until, {}};
  }
  auto done = co_await gateway.erase_organization(*parsed);
  if (done.has_error())
    co_return done.error();
  auto who = auth::operator_authority(*parsed);
  auto receipt = signed_receipt(*self, *who, *parsed, *done);
  co_return organization_erasure{done->at, std::move(receipt)};
}

call<void> runtime::impl::keep_organization(std::shared_ptr<impl> self,
                                            std::string name) {
  auto parsed = parse_organization(name);
  if (parsed.has_error())
    co_return parsed.error();
  co_return co_await self->gateway->keep_organization(*parsed);
}

call<void> runtime::impl::reinstate_organization(std::shared_ptr<impl> self,
                                                 std::string name) {
  auto parsed = parse_organization(name);
  if (parsed.has_error())
    co_return parsed.error();
  co_return co_await self->gateway->reinstate_organization(*parsed);
}

result<organization_erasure>
runtime::erase_organization(std::string_view name,
                            std::chrono::milliseconds delay) const {
  return impl::wait_unsealed<organization_erasure>(impl_, [&] {
    return impl::end_organization(impl_, std::string{name}, delay);
  });
}

void runtime::erase_organization(
  std::string_view name, std::chrono::milliseconds delay,
  completion_handler<organization_erasure> done) const {
  impl::start_unsealed<organization_erasure>(
    impl_,
    [&] { return impl::end_organization(impl_, std::string{name}, delay); },
    std::move(done));
}

result<void> runtime::keep_organization(std::string_view name) const {
  return impl::wait_unsealed<void>(
    impl_, [&] { return impl::keep_organization(impl_, std::string{name}); });
}

void runtime::keep_organization(std::string_view name,
                                completion_handler<void> done) const {
  impl::start_unsealed<void>(
    impl_, [&] { return impl::keep_organization(impl_, std::string{name}); },
    std::move(done));
}

result<void> runtime::reinstate_organization(std::string_view name) const {
  return impl::wait_unsealed<void>(impl_, [&] {
    return impl::reinstate_organization(impl_, std::string{name});
  });
}

void runtime::reinstate_organization(std::string_view name,
                                     completion_handler<void> done) const {
  impl::start_unsealed<void>(
    impl_,
    [&] { return impl::reinstate_organization(impl_, std::string{name}); },
    std::move(done));
}

} // namespace cloister
