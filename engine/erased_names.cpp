// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/erased_names.hpp"

#include <map>

namespace cloister::engine {

using persistence::erased_name;
using persistence::identity_ptr;

namespace {

using name_key
  = std::pair<persistence::scope_tag, std::array<std::uint8_t, 16>>;
using names_by_key = std::map<name_key, erased_name>;

void take(names_by_key& into, const erased_name& one) {
  auto& known = into.try_emplace({one.parent, one.name}, one).first->second;
  if (one.incarnation > known.incarnation)
    known = one;
}

/// The children of a scope that open.
result<std::vector<identity_ptr>> children_of(const services& with,
                                              const identity_ptr& parent) {
  std::vector<identity_ptr> out;
  result<void> failure;
  auto done = with.catalog.children(parent, [&](auto child) {
    if (child)
      out.push_back(*child);
    else if (child.error().code != errc::erased)
      failure = child.error();
    return failure.has_value();
  });
  if (done.has_error() || failure.has_error())
    return done.has_error() ? done.error() : failure.error();
  return out;
}

result<void> collect_below(const services& with, const identity_ptr& parent,
                           names_by_key& out) {
  auto own = with.catalog.erased_names_of(parent);
  if (own.has_error())
    return own.error();
  for (const auto& each : *own)
    take(out, each);
  auto children = children_of(with, parent);
  if (children.has_error())
    return children.error();
  for (const auto& child : *children)
    if (auto done = collect_below(with, child, out); done.has_error())
      return done;
  return {};
}

result<void> find_below(const services& with, const identity_ptr& parent,
                        const names_by_key& list,
                        std::vector<returned_scope>& out) {
  auto children = children_of(with, parent);
  if (children.has_error())
    return children.error();
  auto above = parent ? parent->tag : persistence::node_identity::tag_of_node();
  for (const auto& child : *children) {
    auto known
      = list.find({above, with.catalog.name_hash(parent, child->name.name())});
    if (known != list.end()
        && known->second.incarnation >= child->incarnation) {
      // What is said of copies is of the last one that had the name.
      auto is_same = known->second.incarnation == child->incarnation;
      out.push_back({child->name, is_same && known->second.with_copies});
      continue;
    }
    if (auto done = find_below(with, child, list, out); done.has_error())
      return done;
  }
  return {};
}

} // namespace

result<std::vector<erased_name>> collect_erased_names(const services& with) {
  names_by_key found;
  // First: of two alike they count.
  auto listed
    = persistence::list_erased_names(with.catalog.node(), with.records);
  if (listed.has_error())
    return listed.error();
  for (const auto& each : *listed)
    take(found, each);
  if (auto done = collect_below(with, nullptr, found); done.has_error())
    return done.error();
  std::vector<erased_name> out;
  for (const auto& [key, each] : found)
    out.push_back(each);
  return out;
}

result<std::vector<returned_scope>>
find_erased_scopes(const services& with, const std::vector<erased_name>& list) {
  names_by_key wanted;
  for (const auto& each : list)
    take(wanted, each);
  std::vector<returned_scope> out;
  if (auto done = find_below(with, nullptr, wanted, out); done.has_error())
    return done.error();
  return out;
}

} // namespace cloister::engine
