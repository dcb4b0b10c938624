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

/// What is in a scope, if somebody is to be told that it goes.
result<std::vector<memory_id>> ids_to_tell(const call& of,
                                           const client& bound) {
  std::vector<memory_id> out;
  auto wanted = of.http().of().webhooks.is_wanted(
    of.root().bound_to().organization(), "memory_delete");
  if (wanted.has_error())
    return wanted.error();
  if (!*wanted)
    return out;
  list_options options;
  options.limit = limits::page_results_max;
  do {
    auto page = bound.list_memories(options);
    if (page.has_error() && is_gone(page.error()))
      return out;
    if (page.has_error())
      return page.error();
    for (const auto& each : page->results)
      out.push_back(each.memory.id);
    options.cursor = page->cursor;
  } while (options.cursor);
  return out;
}

result<void> tell_all(const call& of, std::span<const memory_id> ids) {
  for (const auto& id : ids)
    if (auto told = tell_webhooks(of, "memory_delete", id); told.has_error())
      return told;
  return {};
}

result<std::uint64_t> delete_all_of(const call& of,
                                    std::span<const scope> names) {
  std::uint64_t out = 0;
  for (const auto& name : names) {
    auto bound = of.at(name.path());
    if (bound.has_error())
      return bound.error();
    auto gone = ids_to_tell(of, *bound);
    if (gone.has_error())
      return gone.error();
    auto done = bound->delete_all_memories();
    if (done.has_error() && !is_gone(done.error()))
      return done.error();
    out += done ? *done : 0;
    if (auto told = tell_all(of, *gone); told.has_error())
      return told.error();
  }
  return out;
}

} // namespace

result<void> tell_webhooks(const call& of, std::string_view event,
                           const memory_id& id) {
  auto noted = of.http().of().webhooks.note(of.root().bound_to().organization(),
                                            event, id);
  if (noted.has_error() && noted.error().code != errc::overloaded)
    return error{errc::unavailable,
                 "it was done, and could not be noted for webhooks ("
                   + noted.error().detail + ")",
                 limits::overload_retry_hint};
  return noted;
}

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
    if (done)
      if (auto told = tell_webhooks(of, "memory_delete", each.memory.id);
          told.has_error())
        return told.error();
  }
  return out;
}

} // namespace cloister::server::mem0
