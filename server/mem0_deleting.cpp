// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_deleting.hpp"

#include "server/mem0_reading.hpp"

namespace cloister::server::mem0 {

namespace {

/// What has ended meanwhile has no memories.
bool is_gone(const error& why) {
  return why.code == errc::erased || why.code == errc::not_found;
}

result<std::uint64_t> delete_all_of(const call& of,
                                    std::span<const scope> names) {
  std::uint64_t out = 0;
  for (const auto& name : names) {
    auto bound = of.at(name.path());
    if (bound.has_error())
      return bound.error();
    auto done = bound->delete_all_memories();
    if (done.has_error() && !is_gone(done.error()))
      return done.error();
    out += done ? *done : 0;
  }
  return out;
}

} // namespace

result<std::uint64_t> delete_everywhere(const call& of) {
  auto names = of.scopes();
  if (names.has_error())
    return names.error();
  return delete_all_of(of, *names);
}

result<std::uint64_t> delete_matching(const call& of,
                                      const boost::json::object& filters,
                                      bool one_by_one) {
  auto groups = groups_of(of, filters);
  if (groups.has_error())
    return groups.error();
  std::uint64_t out = 0;
  if (!one_by_one) {
    for (const auto& group : *groups) {
      auto done = delete_all_of(of, group.scopes);
      if (done.has_error())
        return done.error();
      out += *done;
    }
    return out;
  }
  auto found = gather(of, *groups, true);
  if (found.has_error())
    return found.error();
  for (const auto& each : *found) {
    auto bound = of.at(each.where.path());
    if (bound.has_error())
      return bound.error();
    auto done = bound->delete_memory(each.memory.id);
    if (done.has_error() && !is_gone(done.error()))
      return done.error();
    out += done ? 1u : 0u;
  }
  return out;
}

} // namespace cloister::server::mem0
