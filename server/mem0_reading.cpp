// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_reading.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "server/mem0_filter.hpp"
#include "server/mem0_memory.hpp"

namespace cloister::server::mem0 {

namespace {

namespace json = boost::json;

constexpr std::size_t gathered_max = 10'000;
/// Of contents and metadata, for one request.
constexpr std::size_t gathered_bytes_max = 32 * 1024 * 1024;
constexpr std::size_t filters_bytes_max = 64 * 1024;
/// Filters that differ by scope.
constexpr std::size_t groups_max = 64;
/// Scopes that are looked into for what fills up an answer.
constexpr std::size_t filling_scopes_max = 64;
/// Hits that may turn out to be hidden.
constexpr std::size_t spare_hits = 20;

std::optional<std::string> filter_text(const scope_group& group) {
  if (group.filter.empty())
    return std::nullopt;
  return group.filter;
}

bool is_newer(const located_memory& a, const located_memory& b) {
  return a.memory.created_at != b.memory.created_at
           ? a.memory.created_at > b.memory.created_at
           : a.memory.id > b.memory.id;
}

/// The newest of each scope.
result<std::vector<located_memory>>
newest(const call& of, std::span<const scope_group> groups, std::size_t limit) {
  std::vector<located_memory> out;
  std::size_t looked_at = 0;
  for (const auto& group : groups)
    for (const auto& name : group.scopes) {
      if (++looked_at > filling_scopes_max)
        break;
      list_options options;
      options.filter = filter_text(group);
      options.limit = std::min(limit, limits::page_results_max);
      options.found_scopes = {name};
      auto page = of.root().list_memories(options);
      if (page.has_error())
        return page.error();
      std::move(page->results.begin(), page->results.end(),
                std::back_inserter(out));
    }
  std::stable_sort(out.begin(), out.end(), is_newer);
  return out;
}

result<std::vector<search_hit>> hits_of(const call& of,
                                        std::span<const scope_group> groups,
                                        const search_wish& wish) {
  std::vector<search_hit> out;
  auto keep_best = [&] {
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
      return a.score > b.score;
    });
    if (out.size() > wish.top_k + spare_hits)
      out.erase(out.begin()
                  + static_cast<std::ptrdiff_t>(wish.top_k + spare_hits),
                out.end());
  };
  for (const auto& group : groups) {
    if (auto why = of.interrupted())
      return *why;
    search_options options;
    options.query = wish.query;
    options.limit = std::min(wish.top_k + spare_hits, limits::page_results_max);
    options.filter = filter_text(group);
    options.found_scopes = group.scopes;
    auto found = of.root().search_memories(options);
    if (found.has_error())
      return found.error();
    std::move(found->results.begin(), found->results.end(),
              std::back_inserter(out));
    keep_best();
  }
  return out;
}

} // namespace

result<std::vector<scope_group>> groups_of(const call& of,
                                           const json::object& filters) {
  if (!names_entity(filters))
    return error{errc::invalid_argument,
                 "filters must have at least one of user_id, agent_id, app_id "
                 "and run_id"};
  // They are looked at once for each scope.
  if (to_json_text(filters).size() > filters_bytes_max)
    return error{errc::too_large, "filters have at most 64 KiB; ask in parts"};
  // What is wrong with them is told whatever there is.
  if (auto valid = filter_for(filters, {}); valid.has_error())
    return valid.error();
  auto names = of.scopes();
  // Of a user who is named, those right below the root can be told at least.
  if (auto user = filters.if_contains("user_id");
      names.has_error() && names.error().code == errc::too_large
      && user != nullptr && user->is_string() && *user != "*")
    names = of.scopes_at("user_"
                         + encoded_name(std::string_view{user->get_string()}));
  if (names.has_error())
    return names.error();
  std::map<std::string, std::vector<scope>> by_filter;
  for (const auto& name : *names) {
    if (auto why = of.interrupted())
      return *why;
    auto filter = filter_for(filters, ids_in(name));
    if (filter.has_error())
      return filter.error();
    if (by_filter.size() > groups_max)
      return error{errc::too_large,
                   "the filters say something else of each of too many "
                   "scopes; ask in parts"};
    if (*filter)
      by_filter[(*filter)->empty() ? "" : to_json_text(**filter)].push_back(
        name);
  }
  std::vector<scope_group> out;
  for (auto& [filter, scopes] : by_filter)
    out.push_back({filter, std::move(scopes)});
  return out;
}

result<std::vector<located_memory>>
gather(const call& of, std::span<const scope_group> groups, bool shows_hidden) {
  std::vector<located_memory> out;
  std::size_t bytes = 0;
  auto date = today(of.now());
  for (const auto& group : groups) {
    list_options options;
    options.filter = filter_text(group);
    options.limit = limits::page_results_max;
    options.found_scopes = group.scopes;
    do {
      if (auto why = of.interrupted())
        return *why;
      auto page = of.root().list_memories(options);
      if (page.has_error())
        return page.error();
      for (auto& each : page->results)
        if (shows_hidden || !is_hidden(each.memory, date)) {
          bytes += each.memory.content.size() + each.memory.metadata.size();
          // mem0 shows none.
          each.memory.embedding = {};
          out.push_back(std::move(each));
        }
      options.cursor = page->cursor;
      if (out.size() > gathered_max || bytes > gathered_bytes_max)
        return error{errc::too_large,
                     "more than 10000 memories, or 32 MiB of them, match; "
                     "narrow the filters, or "
                     "use GET /v1/memories, which pages through any number"};
    } while (options.cursor);
  }
  std::stable_sort(out.begin(), out.end(), is_newer);
  return out;
}

result<std::vector<search_hit>> search(const call& of,
                                       std::span<const scope_group> groups,
                                       const search_wish& wish) {
  auto found = hits_of(of, groups, wish);
  if (found.has_error())
    return found.error();
  auto date = today(of.now());
  auto least = static_cast<float>(wish.threshold);
  std::vector<search_hit> out;
  std::set<memory_id> known;
  auto add = [&](cloister::memory value, const scope& where, float score) {
    if (out.size() < wish.top_k
        && (wish.shows_hidden || !is_hidden(value, date))
        && known.insert(value.id).second)
      out.push_back({std::move(value), where, score});
  };
  for (auto& hit : *found)
    add(std::move(hit.memory), hit.where, std::max(hit.score, least));
  if (out.size() == wish.top_k)
    return out;
  // Those who ask "What do you know about me?" share no word with the answer.
  auto others = newest(of, groups, wish.top_k + spare_hits);
  if (others.has_error())
    return others.error();
  for (auto& each : *others)
    add(std::move(each.memory), each.where, least);
  return out;
}

} // namespace cloister::server::mem0
