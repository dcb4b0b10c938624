// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How the operator prunes audit trails.

#include <algorithm>
#include <set>

#include "runtime/client_impl.hpp"

namespace cloister {

namespace {

/// Asks the one engine whose trail it is.
struct prune_asker {
  std::function<call<engine::pruned_entries>(engine::prune_chain)> prune;
  std::function<call<engine::ended_chains>(engine::list_ended_chains)> list;
};

/// One chain, some entries at a time.
call<std::uint64_t> prune_one(prune_asker ask, engine::prune_chain what) {
  std::uint64_t entries = 0;
  for (bool more = true; more;) {
    auto asking = ask.prune(what);
    auto done = co_await asking;
    if (done.has_error())
      co_return done.error();
    entries += done->entries;
    more = done->more;
  }
  co_return entries;
}

/// Its own chain, and those that ended below it, whose scopes have no names.
call<audit_pruning> prune_all(prune_asker ask, timestamp before) {
  audit_pruning out;
  std::set<persistence::scope_tag> seen;
  std::vector<std::optional<engine::ended_chain>> left{std::nullopt};
  while (!left.empty()) {
    auto chain = left.back();
    left.pop_back();
    if (chain && !seen.insert(chain->tag).second)
      continue;
    auto listing = ask.list(engine::list_ended_chains{chain});
    auto ended = co_await listing;
    if (ended.has_error())
      co_return ended.error();
    left.insert(left.end(), ended->list.begin(), ended->list.end());
    auto pruning = prune_one(ask, engine::prune_chain{before, chain});
    auto gone = co_await pruning;
    if (gone.has_error())
      co_return gone.error();
    out.entries += *gone;
    out.chains += *gone > 0 ? 1u : 0u;
  }
  co_return out;
}

template <class T>
call<T> ask_node(std::shared_ptr<runtime::impl> self,
                 engine::node_operation what) {
  auto done = co_await self->gateway->perform_on_node(std::move(what));
  if (done.has_error())
    co_return done.error();
  co_return std::move(std::get<T>(*done));
}

template <class T>
call<T> ask_scope(std::shared_ptr<const client::impl> of,
                  engine::operation what) {
  auto asking = of->perform<T>(of->binding, auth::operation::prune_audit,
                               std::move(what));
  auto done = co_await asking;
  if (done.has_error())
    co_return done.error();
  if (!*done)
    co_return error{errc::not_found, "nothing was ever written to this scope"};
  co_return std::move(**done);
}

prune_asker asker_of_node(const std::shared_ptr<runtime::impl>& self) {
  return {[self](engine::prune_chain what) {
            return ask_node<engine::pruned_entries>(
              self, engine::prune_node_chain{what});
          },
          [self](engine::list_ended_chains what) {
            return ask_node<engine::ended_chains>(
              self, engine::list_node_ended_chains{what});
          }};
}

prune_asker asker_of(const std::shared_ptr<runtime::impl>& self,
                     const scope& name) {
  auto bound = std::make_shared<const client::impl>(
    client::impl{self, auth::operator_authority(name.organization()),
                 bind(name), bind(name.organization())});
  return {[bound](engine::prune_chain what) {
            return ask_scope<engine::pruned_entries>(bound, what);
          },
          [bound](engine::list_ended_chains what) {
            return ask_scope<engine::ended_chains>(bound, what);
          }};
}

} // namespace

call<audit_pruning> runtime::impl::prune_audit(std::shared_ptr<impl> self,
                                               std::string name,
                                               timestamp before) {
  // What it writes itself is not older.
  before = std::min(before, self->gateway->services().time->now());
  if (name.empty()) {
    auto asking = prune_all(asker_of_node(self), before);
    co_return co_await asking;
  }
  auto parsed = scope::parse(name);
  if (parsed.has_error())
    co_return parsed.error();
  // Naming one must not make it.
  engine::node_operation what{
    engine::create_organization{parsed->organization(), opening::open}};
  auto found = co_await self->gateway->perform_on_node(std::move(what));
  if (found.has_error())
    co_return found.error();
  auto asking = prune_all(asker_of(self, *parsed), before);
  co_return co_await asking;
}

result<audit_pruning> runtime::prune_audit(std::string_view name,
                                           timestamp before) const {
  return impl::wait_unsealed<audit_pruning>(
    impl_, [&] { return impl::prune_audit(impl_, std::string{name}, before); });
}

void runtime::prune_audit(std::string_view name, timestamp before,
                          completion_handler<audit_pruning> done) const {
  impl::start_unsealed<audit_pruning>(
    impl_, [&] { return impl::prune_audit(impl_, std::string{name}, before); },
    std::move(done));
}

} // namespace cloister
