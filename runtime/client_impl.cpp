// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/client_impl.hpp"

#include <algorithm>
#include <set>

namespace cloister {

using auth::operation;

result<void> check_named(std::string_view name) {
  if (name.empty())
    return error{errc::invalid_argument,
                 "a scope's name is empty; write it like user_sarah"};
  return {};
}

result<scope> named_scope(const auth::authority& who, std::string_view name) {
  if (auto named = check_named(name); named.has_error())
    return named.error();
  return auth::named_scope(who.root, name);
}

std::shared_ptr<actors::scope_binding> bind(const scope& name) {
  return std::make_shared<actors::scope_binding>(name);
}

actors::task<error> client::impl::refused_name(operation kind,
                                               error why) const {
  if (why.code == errc::forbidden)
    why = co_await node->gateway->refuse(who, kind, why);
  co_return why;
}

call<void> client::impl::refused(std::string what, error why) const {
  auto kind = auth::parse_operation(what);
  if (!kind)
    co_return error{errc::invalid_argument, "there is no such operation"};
  co_return co_await node->gateway->refuse(who, *kind, why);
}

call<bindings>
client::impl::explicit_scopes(operation kind,
                              std::vector<std::string> names) const {
  if (names.size() > limits::scopes_per_request_max)
    co_return error{errc::invalid_argument, "scopes names at most 16 scopes"};
  bindings out;
  std::set<scope> seen;
  for (const auto& name : names) {
    if (auto named = check_named(name); named.has_error())
      co_return named.error();
    auto resolved = who->root.resolve(name);
    if (resolved.has_error())
      co_return co_await refused_name(kind, resolved.error());
    if (seen.insert(*resolved).second)
      out.push_back(bind(*resolved));
  }
  co_return out;
}

call<bindings> client::impl::subtree() const {
  engine::operation what{engine::list_scopes{limits::subtree_scopes_max}};
  auto below = co_await perform<engine::scope_list>(
    binding, operation::read_subtree, std::move(what));
  if (below.has_error())
    co_return below.error();
  bindings out{binding};
  if (!*below)
    co_return out;
  auto names = listed_names(**below);
  if (names.has_error())
    co_return names.error();
  for (const auto& name : *names)
    out.push_back(bind(name));
  co_return out;
}

/// A part of the answer must not pass for the whole.
result<std::vector<scope>>
client::impl::listed_names(const engine::scope_list& of) {
  if (of.unreadable > 0)
    return error{errc::corrupted,
                 std::to_string(of.unreadable)
                   + " scopes below are damaged; ask others by themselves, "
                     "and run `cloister doctor --repair`"};
  if (of.truncated)
    return error{errc::too_large,
                 "more than 10000 scopes lie below; ask a narrower scope"};
  std::vector<scope> names;
  for (const auto& info : of.scopes)
    names.push_back(info.name);
  // The catalog's order is that of keyed hashes, and no order to page in.
  std::sort(names.begin(), names.end());
  return names;
}

call<bindings> client::impl::covered(operation kind, visibility reach,
                                     std::vector<std::string> names,
                                     std::vector<scope> found) const {
  if (!found.empty() && (!names.empty() || reach != visibility::self))
    co_return error{errc::invalid_argument,
                    "found_scopes, scopes and visibility do not go together; "
                    "give one of them"};
  if (!found.empty()) {
    bindings listed;
    for (const auto& name : found)
      listed.push_back(bind(name));
    co_return listed;
  }
  if (!names.empty() && reach != visibility::self)
    co_return error{errc::invalid_argument,
                    "scopes and visibility do not go together; give one of "
                    "them"};
  if (!names.empty())
    co_return co_await explicit_scopes(kind, std::move(names));
  if (reach == visibility::subtree)
    co_return co_await subtree();
  bindings out{binding};
  if (reach == visibility::inherited)
    for (const auto& ancestor : binding->name().ancestors())
      if (auth::may_inherit_from(*who, ancestor))
        out.push_back(bind(ancestor));
  co_return out;
}

call<client> bind_client(std::shared_ptr<runtime::impl> node,
                         auth::authority_ptr who, std::string user_id) {
  auto target = who->root.resolve(user_id);
  auto wanted = target ? *target : who->root;
  auto made = std::make_shared<const client::impl>(
    client::impl{node, who, bind(wanted), bind(who->root.organization())});
  if (target.has_error())
    co_return co_await made->refused_name(operation::bind_client,
                                          target.error());
  co_return client{std::move(made)};
}

} // namespace cloister
