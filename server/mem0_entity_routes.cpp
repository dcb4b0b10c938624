// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Users, agents, apps and runs: whoever has memories, by the segments of their
// scopes.

#include <algorithm>
#include <map>

#include <boost/json.hpp>

#include "core/rfc3339.hpp"
#include "server/mem0_deleting.hpp"
#include "server/mem0_reading.hpp"
#include "server/mem0_routing.hpp"

namespace cloister::server {

namespace mem0 {

namespace {

namespace json = boost::json;

struct entity {
  std::uint64_t memories = 0;
  timestamp created_at;
  timestamp updated_at;
};

/// By kind and name.
using entities = std::map<std::pair<std::size_t, std::string>, entity>;

void add(entities& to, const scope& where, std::uint64_t memories,
         timestamp created_at, timestamp updated_at) {
  auto ids = ids_in(where);
  for (std::size_t i = 0; i < entity_kinds.size(); ++i)
    if (const auto& id = ids.*entity_kinds[i].of) {
      auto& one = to[{i, *id}];
      if (one.memories == 0 || created_at < one.created_at)
        one.created_at = created_at;
      if (one.updated_at < updated_at)
        one.updated_at = updated_at;
      one.memories += memories;
    }
}

result<entities> found_entities(const call& of) {
  auto names = of.scopes();
  if (names.has_error())
    return names.error();
  entities out;
  // Who may list scopes is told what they hold; for others it is counted.
  auto may_list = (static_cast<unsigned>(of.root().allowed())
                   & static_cast<unsigned>(permissions::admin))
                  != 0;
  if (may_list) {
    auto listed = of.root().list_scopes();
    if (listed.has_error())
      return listed.error();
    for (const auto& each : listed->scopes)
      if (each.memories > 0 && each.name.name() != own_segment)
        add(out, each.name, each.memories, each.created_at, each.created_at);
    return out;
  }
  std::vector<scope_group> all;
  if (!names->empty())
    all.push_back({"", std::move(*names)});
  auto memories = gather(of, all, true);
  if (memories.has_error())
    return memories.error();
  for (const auto& each : *memories)
    add(out, each.where, 1, each.memory.created_at, each.memory.updated_at);
  return out;
}

/// A number for the oldest of clients, which know entities by one.
std::int64_t number_of(std::string_view type, const std::string& name) {
  constexpr std::uint64_t exact_in_javascript = (std::uint64_t{1} << 53) - 1;
  return static_cast<std::int64_t>(
    std::hash<std::string>{}(std::string{type} + '\n' + name)
    & exact_in_javascript);
}

result<json::value> list(const call& of) {
  auto found = found_entities(of);
  if (found.has_error())
    return found.error();
  auto page = of.number_in_query("page", 0);
  auto size = of.number_in_query("page_size", 100);
  if (page.has_error())
    return page.error();
  if (size.has_error())
    return size.error();
  json::array rows;
  std::array<std::size_t, entity_kinds.size()> totals{};
  for (const auto& [name, one] : *found) {
    const auto& kind = entity_kinds[name.first];
    ++totals[name.first];
    json::object row;
    row["id"] = number_of(kind.type, name.second);
    row["name"] = name.second;
    row["type"] = kind.type;
    row["total_memories"] = one.memories;
    row["owner"] = of.root().bound_to().organization().path();
    row["created_at"] = to_rfc3339(one.created_at);
    row["updated_at"] = to_rfc3339(one.updated_at);
    rows.push_back(std::move(row));
  }
  // Whoever names no page is given all: clients delete what they are shown.
  auto shown_at_once
    = *page == 0 ? std::max<std::size_t>(rows.size(), 1) : *size;
  auto out
    = paged(std::move(rows), std::max<std::size_t>(*page, 1), shown_at_once);
  for (std::size_t i = 0; i < entity_kinds.size(); ++i)
    out.get_object()["total_" + std::string{entity_kinds[i].type} + 's']
      = totals[i];
  return out;
}

const entity_kind* kind_in_path(const call& of) {
  for (const auto& kind : entity_kinds)
    if (kind.type == of.http().path_parameter("type"))
      return &kind;
  return nullptr;
}

result<json::value> deleted(const call& of, const entity_kind& kind,
                            const std::string& name) {
  json::object filters;
  filters[kind.field] = name;
  // "*" is a name here, and nobody's.
  if (name == "*")
    return error{errc::not_found, "there is no such entity"};
  auto done = delete_matching(of, filters, false);
  if (done.has_error())
    return done.error();
  json::object out;
  out["message"] = "Entity deleted successfully!";
  out["deleted"] = *done;
  return out;
}

error no_such_kind() {
  return {errc::not_found,
          "there is no such kind of entity; there are user, agent, app and "
          "run"};
}

result<json::value> remove(const call& of) {
  auto kind = kind_in_path(of);
  if (kind == nullptr)
    return no_such_kind();
  return deleted(of, *kind, of.http().path_parameter("name"));
}

/// Of the oldest clients.
result<json::value> remove_by_number(const call& of) {
  auto kind = kind_in_path(of);
  if (kind == nullptr)
    return no_such_kind();
  auto found = found_entities(of);
  if (found.has_error())
    return found.error();
  for (const auto& [name, one] : *found)
    if (&entity_kinds[name.first] == kind
        && std::to_string(number_of(kind->type, name.second))
             == of.http().path_parameter("id"))
      return deleted(of, *kind, name.second);
  return error{errc::not_found, "there is no such entity"};
}

result<json::value> statistics(const call& of) {
  auto found = found_entities(of);
  if (found.has_error())
    return found.error();
  json::object out;
  for (std::size_t i = 0; i < entity_kinds.size(); ++i)
    out["total_" + std::string{entity_kinds[i].type} + 's']
      = std::count_if(found->begin(), found->end(),
                      [i](const auto& each) { return each.first.first == i; });
  return out;
}

} // namespace

} // namespace mem0

std::span<const route> mem0_entity_routes() {
  using mem0::made;
  static const std::vector<route> routes{
    made<mem0::list>(http_method::get, "/mem0/v1/entities/", "mem0.entities"),
    made<mem0::remove>(http_method::remove, "/mem0/v2/entities/{type}/{name}/",
                       "mem0.delete_entity"),
    made<mem0::remove_by_number>(http_method::remove,
                                 "/mem0/v1/entities/{type}/{id}/",
                                 "mem0.delete_entity"),
    made<mem0::statistics>(http_method::get, "/mem0/v1/stats/", "mem0.stats"),
  };
  return routes;
}

} // namespace cloister::server
