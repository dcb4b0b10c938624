// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Erasing whole scopes: their actors end first, then their parent's does it.

#include "actors/gateway_impl.hpp"
#include "crypto/aead.hpp"
#include "persistence/erasure.hpp"

namespace cloister::actors {

using persistence::record_kind;

namespace {

/// An erasure that was begun, and the scope that has its record.
struct unfinished_erasure {
  scope parent;
  persistence::scope_tag child{};
};

/// May read the disk.
result<std::vector<unfinished_erasure>>
find_unfinished(const persistence::store& records,
                const persistence::catalog& scopes) {
  std::vector<unfinished_erasure> out;
  result<void> failure;
  const auto& node = scopes.node();
  auto done = records.scan(
    node.space().range(record_kind::erasure), {},
    [&](bytes_view key, bytes_view sealed) {
      auto plain = crypto::open(node.keys.control, key, sealed);
      auto path
        = plain ? persistence::decode_unfinished(*plain) : plain.error();
      if (path.has_error()) {
        failure = path.error();
        return false;
      }
      auto organization = path->front();
      path->erase(path->begin());
      auto parent = scopes.follow(organization, *path);
      // What was erased with its parent is the parent's.
      if (parent)
        out.push_back({(*parent)->name,
                       byte_reader{persistence::rest_of(key)}.array<16>()});
      else if (parent.error().code == errc::unavailable)
        failure = parent.error();
      return failure.has_value();
    });
  if (done.has_error() || failure.has_error())
    return done.has_error() ? done.error() : failure.error();
  return out;
}

} // namespace

task<result<engine::answer>>
gateway::impl::ask_parent(scope parent, auth::authority_ptr who,
                          auth::operation kind, scope target,
                          auth::request_id id, engine::operation what) {
  auto grant = auth::decide(who, kind, target, options.time->now(), id);
  if (grant.has_error())
    co_return co_await refused(who, kind, id, grant.error(), target, {});
  gateway_call call{
    make_request(*grant, std::move(what), std::chrono::milliseconds{0}), {}};
  auto done = co_await ask(std::make_shared<scope_binding>(parent),
                           if_absent::report, call);
  if (done.has_error())
    co_return co_await told(call.asked, target, done.error());
  if (!*done)
    co_return error{errc::not_found,
                    "nothing was ever written to this scope; `cloister scope "
                    "list` has those there are"};
  co_return std::move(**done);
}

task<result<engine::erased_child>> gateway::erase(auth::authority_ptr who,
                                                  scope target) {
  auto kind = auth::operation::erase_scope;
  auto id = auth::make_request_id();
  auto grant = auth::decide(who, kind, target, impl_->options.time->now(), id);
  if (grant.has_error())
    co_return co_await impl_->refused(who, kind, id, grant.error(), target, {});
  auto parent = target.parent();
  if (!parent)
    co_return error{errc::invalid_argument,
                    "an organization is not erased like a scope; name one "
                    "below it"};
  auto closed = co_await impl_->close(target);
  if (closed.has_error())
    co_return closed.error();
  engine::operation what{engine::erase_child{target}};
  auto done = co_await impl_->ask_parent(*parent, who, kind, target, id,
                                         std::move(what));
  impl_->open(target);
  if (done.has_error())
    co_return done.error();
  co_return std::get<engine::erased_child>(*done);
}

bool gateway::has_unfinished_erasures() const {
  auto found = find_unfinished(impl_->with.records, impl_->with.catalog);
  return found && !found->empty();
}

task<result<void>> gateway::finish_erasures(bool reclaim) {
  auto unfinished = find_unfinished(impl_->with.records, impl_->with.catalog);
  if (unfinished.has_error())
    co_return unfinished.error();
  result<void> outcome;
  for (const auto& each : *unfinished) {
    engine::operation what{engine::finish_erasure{each.child, reclaim}};
    auto who = auth::system_authority(each.parent.organization());
    auto id = auth::make_request_id();
    auto done
      = co_await impl_->ask_parent(each.parent, who, auth::operation::end_scope,
                                   each.parent, id, std::move(what));
    if (done.has_error())
      outcome = done.error();
  }
  co_return outcome;
}

} // namespace cloister::actors
