// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/session.hpp"

#include "runtime/session_impl.hpp"

namespace cloister {

session::session(std::unique_ptr<impl> parts) : impl_(std::move(parts)) {}

session::session(session&& other) noexcept = default;

session& session::operator=(session&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

session::~session() {
  if (impl_ && impl_->ends_with_it)
    session_access::end(*this, engine::session_end::handle_gone);
}

void session_access::end(session& of, engine::session_end why) {
  const auto& session = of.impl_->session;
  of.impl_->ends_with_it = false;
  if (session->ended() != engine::session_end::none)
    return;
  // Not by the key that opened it, which may have expired since.
  auto who = auth::system_authority(session->name().organization());
  const auto& node = of.impl_->parts->node;
  start<erasure_receipt>(of.impl_->parts, node,
                         end_session_as(node, who, session->name(), why), {});
}

const client& session::memories() const {
  return impl_->memories;
}

const scope& session::scope() const {
  return impl_->session->name();
}

session_info session::info() const {
  return to_session_info(*impl_->session);
}

result<erasure_receipt> session::close() {
  return impl_->memories.end_session();
}

void session::close(completion_handler<erasure_receipt> done) {
  impl_->memories.end_session({}, std::move(done));
}

result<session_info> session::renew() {
  return impl_->memories.renew_session();
}

void session::renew(completion_handler<session_info> done) {
  impl_->memories.renew_session({}, std::move(done));
}

result<std::vector<located_memory>>
session::promote(const std::vector<memory_id>& ids, std::string_view to) {
  return impl_->memories.promote_memories(ids, to);
}

void session::promote(const std::vector<memory_id>& ids, std::string_view to,
                      completion_handler<std::vector<located_memory>> done) {
  impl_->memories.promote_memories(ids, to, std::move(done));
}

void session::on_end(std::function<void(const std::string& reason)> told) {
  auto watcher = [told = std::move(told)](engine::session_end why) {
    told(std::string{engine::to_string(why)});
  };
  if (!impl_->session->watch(watcher))
    impl_->parts->node->gateway->dispatch(
      [watcher, why = impl_->session->ended()] { watcher(why); });
}

void session::detach() {
  impl_->ends_with_it = false;
}

} // namespace cloister
