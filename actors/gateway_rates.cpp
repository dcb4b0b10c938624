// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// How often callers may ask. That is decided before any actor is asked, and
// whatever else is decided: what is refused costs something, too.

#include "actors/gateway_impl.hpp"

namespace cloister::actors {

namespace {

/// What the runtime does by itself is nobody's operation; and the operator must
/// be able to lift a limit, however low it is.
bool is_free(const auth::authority& who, auth::operation kind) {
  if (who.kind == auth::principal_kind::system)
    return true;
  return who.kind == auth::principal_kind::operator_
         && (kind == auth::operation::configure_organization
             || kind == auth::operation::configure_scope
             || kind == auth::operation::show_settings);
}

} // namespace

std::optional<error>
gateway::impl::over_rate(const auth::authority& who, auth::operation kind,
                         const scope& target,
                         const result<auth::grant>& decided, counted how) {
  if (how == counted::nothing || is_free(who, kind))
    return std::nullopt;
  // Whoever does not reach a scope must not use up what that may do: neither
  // another organization's nor another tenant's.
  auto organization = who.root.organization();
  const auto& name = decided ? target : who.root;
  auto done = with.rates->take(how == counted::call ? &organization : nullptr,
                               name == organization ? nullptr : &name,
                               options.time->steady());
  if (done.has_error())
    return done.error();
  return std::nullopt;
}

task<error> gateway::impl::refused_by_rate(auth::authority_ptr who,
                                           auth::operation kind,
                                           auth::request_id request,
                                           error why) {
  auto now = options.time->now();
  auto entry = auth::entry_for(*who, kind, request, now);
  entry.outcome = why.code;
  entry.reason = why.detail;
  auto source = std::string{who->root.organization().path()} + ' '
                + auth::to_string(who->id);
  engine::note_refusals due;
  {
    std::lock_guard guard{rate_refusals_mutex};
    due.entries = rate_refusals.take_before(now);
    if (rate_refusals.is_first(source, entry))
      due.entries.push_back(std::move(entry));
  }
  if (due.entries.empty())
    co_return why;
  engine::node_operation what{std::move(due)};
  auto noting = perform_on_node(std::move(what));
  auto noted = co_await noting;
  if (noted.has_error())
    co_return noted.error();
  co_return why;
}

void gateway::impl::note_rate_refusals() {
  engine::note_refusals due;
  {
    std::lock_guard guard{rate_refusals_mutex};
    due.entries = rate_refusals.take_all();
  }
  if (due.entries.empty())
    return;
  engine::node_operation what{std::move(due)};
  static_cast<void>(wait_for(perform_on_node(std::move(what))));
}

} // namespace cloister::actors
