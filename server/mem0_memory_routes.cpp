// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Memories as mem0's clients ask for them. The three versions of the API differ
// in addresses, in where ids stand, and in how answers are wrapped.

#include <algorithm>

#include <boost/json.hpp>

#include "core/rfc3339.hpp"
#include "server/mem0_deleting.hpp"
#include "server/mem0_input.hpp"
#include "server/mem0_memory.hpp"
#include "server/mem0_reading.hpp"
#include "server/mem0_routing.hpp"
#include "server/random_name.hpp"
#include "wire/object_reader.hpp"

namespace cloister::server {

namespace mem0 {

namespace {

namespace json = boost::json;

constexpr std::size_t top_k_max = 1000;
constexpr std::size_t batch_max = 1000;

error invalid(std::string what) {
  return {errc::invalid_argument, std::move(what)};
}

// -- telling others --

json::object data_of(const std::string& content) {
  json::object out;
  out["memory"] = content;
  return out;
}

/// Written down before the client is answered.
result<void> told(const call& of, std::string_view type, const memory_id& id) {
  return tell_webhooks(of, type, id);
}

// -- add --

result<json::array> stored(const call& of, const json::object& body) {
  auto ids = ids_in_object(body);
  if (ids.has_error())
    return ids.error();
  auto user_id = user_id_of(*ids);
  if (user_id.has_error())
    return user_id.error();
  auto drafts = drafts_in(body);
  if (drafts.has_error())
    return drafts.error();
  auto bound = of.at(*user_id);
  if (bound.has_error())
    return bound.error();
  auto done = bound->create_memories(std::move(*drafts));
  if (done.has_error())
    return done.error();
  json::array out;
  for (const auto& each : *done) {
    if (auto noted = told(of, "memory_add", each.id); noted.has_error())
      return noted.error();
    json::object row;
    row["id"] = each.id.to_string();
    row["memory"] = each.content;
    row["data"] = data_of(each.content);
    row["event"] = "ADD";
    out.push_back(std::move(row));
  }
  return out;
}

/// An event is known by its first memory: what it did can be asked for as long
/// as that is there.
json::value event_of(const json::array& rows) {
  return rows.empty() ? json::value(nullptr)
                      : rows.front().get_object().at("id");
}

result<json::value> add(const call& of) {
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto rows = stored(of, *body);
  if (rows.has_error())
    return rows.error();
  json::object out;
  out["message"] = "Memories were stored";
  out["status"] = "SUCCEEDED";
  out["event_id"] = event_of(*rows);
  out["results"] = std::move(*rows);
  return out;
}

result<json::value> add_v1(const call& of) {
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto rows = stored(of, *body);
  if (rows.has_error())
    return rows.error();
  return json::value(std::move(*rows));
}

// -- lists --

result<json::array> rows_of(const call& of, const json::object& filters,
                            bool shows_hidden) {
  auto groups = groups_of(of, filters);
  if (groups.has_error())
    return groups.error();
  auto found = gather(of, *groups, shows_hidden);
  if (found.has_error())
    return found.error();
  json::array out;
  for (const auto& each : *found)
    out.push_back(shown(each.memory, each.where));
  return out;
}

result<json::value> listed(const call& of, const json::object& body,
                           bool takes_ids_beside, bool always_paged) {
  auto filters = filters_in(body, takes_ids_beside);
  if (filters.has_error())
    return filters.error();
  auto page = page_in(of, body);
  if (page.has_error())
    return page.error();
  auto rows = rows_of(of, *filters, flag_in(body, "show_expired"));
  if (rows.has_error())
    return rows.error();
  if (always_paged && page->page == 0)
    page->page = 1;
  return paged(std::move(*rows), page->page, page->size);
}

/// The newest version, which an early one added by.
result<json::value> list_v3(const call& of) {
  auto body = of.body();
  if (body.has_error())
    return body.error();
  if (body->contains("messages"))
    return add(of);
  return listed(of, *body, false, true);
}

result<json::value> list_v2(const call& of) {
  auto body = of.body();
  if (body.has_error())
    return body.error();
  return listed(of, *body, true, false);
}

json::object body_of_query(const exchange& http) {
  json::object out;
  auto ids = ids_in_query(http);
  for (const auto& kind : entity_kinds)
    if (const auto& id = ids.*kind.of)
      out[kind.field] = *id;
  return out;
}

result<void> check_ids(const exchange& http) {
  auto ids = ids_in_query(http);
  for (const auto& kind : entity_kinds)
    if (const auto& id = ids.*kind.of; id && id->empty())
      return invalid(std::string{kind.field} + " is empty");
  return {};
}

result<json::value> list_v1(const call& of) {
  auto empty = check_ids(of.http());
  if (empty.has_error())
    return empty.error();
  auto body = body_of_query(of.http());
  for (auto name : {"metadata", "categories"}) {
    auto text = of.http().query(name);
    auto value = text ? wire::parse_json(*text) : json::value(nullptr);
    if (value.has_error() && std::string_view{name} == "categories")
      value = json::value(*text);
    if (value.has_error())
      return value.error();
    body[name] = std::move(*value);
  }
  for (auto name : {"start_date", "end_date"})
    if (auto text = of.http().query(name))
      body[name] = *text;
  if (of.http().query("show_expired") == "true")
    body["show_expired"] = true;
  return listed(of, body, true, false);
}

// -- searches --

result<json::array> searched(const call& of, bool takes_ids_beside) {
  auto body = of.body();
  if (body.has_error())
    return body.error();
  search_wish wish;
  auto query = text_in(*body, "query");
  if (query.has_error())
    return query.error();
  wish.query = std::move(*query);
  auto top_k = number_in(*body, "top_k");
  if (!top_k)
    top_k = number_in(*body, "limit");
  if (top_k)
    wish.top_k
      = static_cast<std::size_t>(std::clamp(*top_k, 1.0, double{top_k_max}));
  wish.threshold = std::clamp(
    number_in(*body, "threshold").value_or(wish.threshold), 0.0, 1.0);
  wish.shows_hidden = flag_in(*body, "show_expired");
  auto filters = filters_in(*body, takes_ids_beside);
  if (filters.has_error())
    return filters.error();
  auto groups = groups_of(of, *filters);
  if (groups.has_error())
    return groups.error();
  auto found = search(of, *groups, wish);
  if (found.has_error())
    return found.error();
  json::array out;
  for (const auto& hit : *found) {
    auto row = shown(hit.memory, hit.where);
    json::object parts;
    parts["semantic"] = 0;
    parts["bm25"] = hit.score;
    parts["entity"] = 0;
    row["score"] = hit.score;
    row["score_breakdown"] = std::move(parts);
    out.push_back(std::move(row));
  }
  return out;
}

result<json::value> search_v3(const call& of) {
  auto rows = searched(of, false);
  if (rows.has_error())
    return rows.error();
  json::object out;
  out["results"] = std::move(*rows);
  return out;
}

result<json::value> search_v1(const call& of) {
  auto rows = searched(of, true);
  if (rows.has_error())
    return rows.error();
  return json::value(std::move(*rows));
}

// -- one memory --

result<json::value> get(const call& of) {
  auto found = of.find(of.http().path_parameter("id"));
  if (found.has_error())
    return found.error();
  return shown(found->memory, found->where.bound_to());
}

/// A patch as ours; null clears the date.
result<memory_patch> patch_in(const json::object& body) {
  memory_patch out;
  auto text = body.if_contains("text");
  if (text != nullptr && text->is_string())
    out.content = std::string{text->get_string()};
  json::object own;
  if (auto date = body.if_contains("expiration_date")) {
    if (date->is_null()) {
      own["expiration_date"] = nullptr;
    } else {
      auto checked = own_members(body);
      if (checked.has_error())
        return checked.error();
      own = *checked;
    }
  }
  auto at = time_in(body, "timestamp");
  if (at.has_error())
    return at.error();
  if (*at)
    own["timestamp"] = to_rfc3339(**at);
  auto given = body.if_contains("metadata");
  if (given != nullptr || !own.empty()) {
    auto metadata
      = stored_metadata(given != nullptr ? *given : json::value(nullptr), own);
    if (metadata.has_error())
      return metadata.error();
    out.metadata = std::move(*metadata);
  }
  if (!out.content && !out.metadata)
    return invalid("at least one of text, metadata, timestamp and "
                   "expiration_date is needed");
  return out;
}

result<json::value> changed(const call& of, std::string_view id,
                            const json::object& body) {
  auto patch = patch_in(body);
  if (patch.has_error())
    return patch.error();
  auto found = of.find(id);
  if (found.has_error())
    return found.error();
  auto done = found->where.update_memory(found->memory.id, std::move(*patch));
  if (done.has_error())
    return done.error();
  if (auto noted = told(of, "memory_update", done->id); noted.has_error())
    return noted.error();
  return shown(*done, found->where.bound_to());
}

result<json::value> update(const call& of) {
  auto body = of.body();
  if (body.has_error())
    return body.error();
  return changed(of, of.http().path_parameter("id"), *body);
}

result<void> removed(const call& of, std::string_view id) {
  auto found = of.find(id);
  if (found.has_error())
    return found.error();
  auto done = found->where.delete_memory(found->memory.id);
  if (done.has_error())
    return done;
  return told(of, "memory_delete", found->memory.id);
}

result<json::value> remove(const call& of) {
  auto done = removed(of, of.http().path_parameter("id"));
  if (done.has_error())
    return done.error();
  json::object out;
  out["message"] = "Memory deleted successfully!";
  out["cascade_count"] = 0;
  return out;
}

result<json::value> history(const call& of) {
  auto found = of.find(of.http().path_parameter("id"));
  if (found.has_error())
    return found.error();
  auto revisions = found->where.memory_history(found->memory.id);
  if (revisions.has_error())
    return revisions.error();
  return json::value(history_of(*revisions, found->where.bound_to()));
}

// -- many --

/// A misspelt condition would delete more than was meant.
result<void> check_narrowing(const exchange& http) {
  constexpr std::array<std::string_view, 10> known{
    "user_id",    "agent_id", "app_id",   "run_id",       "metadata",
    "project_id", "org_id",   "org_name", "project_name", "source"};
  for (const auto& [name, value] : http.target.query)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return invalid("memories are not deleted by \"" + name.substr(0, 64)
                     + "\"; there are user_id, agent_id, app_id, run_id and "
                       "metadata");
  return {};
}

result<json::value> remove_all(const call& of) {
  if (auto valid = check_ids(of.http()); valid.has_error())
    return valid.error();
  if (auto valid = check_narrowing(of.http()); valid.has_error())
    return valid.error();
  auto filters = body_of_query(of.http());
  if (filters.empty())
    return invalid("name whose memories to delete: user_id, agent_id, app_id "
                   "or run_id; all of them are deleted by \"*\" for all four");
  // Whoever names all kinds by "*" means everything.
  auto everything
    = filters.size() == entity_kinds.size()
      && std::all_of(filters.begin(), filters.end(),
                     [](const auto& each) { return each.value() == "*"; });
  auto condition = of.http().query("metadata");
  if (condition) {
    auto metadata = wire::parse_json(*condition);
    if (metadata.has_error())
      return metadata.error();
    filters["metadata"] = *metadata;
  }
  auto done = everything && !condition
                ? delete_everywhere(of)
                : delete_matching(of, filters, condition.has_value());
  if (done.has_error())
    return done.error();
  json::object out;
  out["message"] = "Memories deleted successfully!";
  out["deleted"] = *done;
  out["event_id"] = secret_name();
  return out;
}

result<json::array> batch_in(const call& of) {
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto list = body->if_contains("memories");
  if (list == nullptr || !list->is_array() || list->get_array().empty()
      || list->get_array().size() > batch_max)
    return invalid("memories is a list of 1 to 1000");
  for (const auto& each : list->get_array())
    if (!each.is_object() || !each.get_object().contains("memory_id")
        || !each.get_object().at("memory_id").is_string())
      return invalid("each of the memories has a memory_id");
  return list->get_array();
}

/// All are there before the first is changed.
result<json::array> known_batch(const call& of) {
  auto list = batch_in(of);
  if (list.has_error())
    return list;
  for (const auto& each : *list) {
    auto found = of.find(
      std::string_view{each.get_object().at("memory_id").get_string()});
    if (found.has_error())
      return found.error();
  }
  return list;
}

json::value batch_done(std::string_view verb, std::size_t count) {
  json::object out;
  out["message"] = "Successfully " + std::string{verb} + ' '
                   + std::to_string(count) + " memories";
  return out;
}

result<json::value> update_batch(const call& of) {
  auto list = known_batch(of);
  if (list.has_error())
    return list.error();
  for (const auto& each : *list) {
    auto done = changed(
      of, std::string_view{each.get_object().at("memory_id").get_string()},
      each.get_object());
    if (done.has_error())
      return done.error();
  }
  return batch_done("updated", list->size());
}

result<json::value> remove_batch(const call& of) {
  auto list = known_batch(of);
  if (list.has_error())
    return list.error();
  for (const auto& each : *list) {
    auto done = removed(
      of, std::string_view{each.get_object().at("memory_id").get_string()});
    if (done.has_error() && done.error().code != errc::not_found)
      return done.error();
  }
  return batch_done("deleted", list->size());
}

// -- what was done --

json::object event_row(const json::object& memory) {
  json::object data;
  data["memory"] = memory.at("memory");
  json::object added;
  added["id"] = memory.at("id");
  added["data"] = std::move(data);
  added["event"] = "ADD";
  json::array results;
  results.push_back(std::move(added));
  json::object out;
  out["id"] = memory.at("id");
  out["event_type"] = "ADD";
  out["status"] = "SUCCEEDED";
  out["payload"] = json::object{};
  out["metadata"] = memory.at("metadata");
  out["results"] = std::move(results);
  for (auto name : {"created_at", "started_at", "completed_at"})
    out[name] = memory.at("created_at");
  out["updated_at"] = memory.at("updated_at");
  out["latency"] = 0;
  out["graph_status"] = nullptr;
  out["error"] = nullptr;
  return out;
}

result<json::value> event(const call& of) {
  auto found = of.find(of.http().path_parameter("id"));
  if (found.has_error())
    return found.error();
  return event_row(shown(found->memory, found->where.bound_to()));
}

result<json::value> events(const call& of) {
  auto names = of.scopes();
  if (names.has_error())
    return names.error();
  auto page = page_in(of, {});
  if (page.has_error())
    return page.error();
  std::vector<scope_group> all;
  if (!names->empty())
    all.push_back({"", std::move(*names)});
  auto found = gather(of, all, true);
  if (found.has_error())
    return found.error();
  json::array rows;
  for (const auto& each : *found)
    rows.push_back(event_row(shown(each.memory, each.where)));
  return paged(std::move(rows), std::max<std::size_t>(page->page, 1),
               page->size);
}

result<json::value> summary(const call&) {
  return invalid("a summary needs a language model, which this server does not "
                 "have");
}

} // namespace

json::value paged(json::array rows, std::size_t page, std::size_t page_size) {
  if (page == 0)
    return rows;
  json::object out;
  out["count"] = rows.size();
  auto is_beyond = page - 1 > rows.size() / page_size;
  auto first = is_beyond ? rows.size() : (page - 1) * page_size;
  auto last = std::min(first + page_size, rows.size());
  auto link = [&](std::size_t number) {
    return json::value("?page=" + std::to_string(number)
                       + "&page_size=" + std::to_string(page_size));
  };
  out["next"] = last < rows.size() ? link(page + 1) : json::value(nullptr);
  out["previous"] = page > 1 ? link(page - 1) : json::value(nullptr);
  json::array some;
  for (auto i = first; i < last; ++i)
    some.push_back(std::move(rows[i]));
  out["results"] = std::move(some);
  return out;
}

} // namespace mem0

std::span<const route> mem0_memory_routes() {
  using enum http_method;
  using mem0::made;
  static const std::vector<route> routes{
    made<mem0::add>(post, "/mem0/v3/memories/add/", "mem0.add"),
    made<mem0::list_v3>(post, "/mem0/v3/memories/", "mem0.list"),
    made<mem0::search_v3>(post, "/mem0/v3/memories/search/", "mem0.search"),
    made<mem0::list_v2>(post, "/mem0/v2/memories/", "mem0.list"),
    made<mem0::search_v1>(post, "/mem0/v2/memories/search/", "mem0.search"),
    made<mem0::add_v1>(post, "/mem0/v1/memories/", "mem0.add"),
    made<mem0::list_v1>(get, "/mem0/v1/memories/", "mem0.list"),
    made<mem0::remove_all>(http_method::remove, "/mem0/v1/memories/",
                           "mem0.delete_all"),
    made<mem0::search_v1>(post, "/mem0/v1/memories/search/", "mem0.search"),
    made<mem0::get>(http_method::get, "/mem0/v1/memories/{id}/", "mem0.get"),
    made<mem0::update>(put, "/mem0/v1/memories/{id}/", "mem0.update"),
    made<mem0::remove>(http_method::remove, "/mem0/v1/memories/{id}/",
                       "mem0.delete"),
    made<mem0::history>(http_method::get, "/mem0/v1/memories/{id}/history/",
                        "mem0.history"),
    made<mem0::update_batch>(put, "/mem0/v1/batch/", "mem0.update_batch"),
    made<mem0::remove_batch>(http_method::remove, "/mem0/v1/batch/",
                             "mem0.delete_batch"),
    made<mem0::event>(http_method::get, "/mem0/v1/event/{id}/", "mem0.event"),
    made<mem0::events>(http_method::get, "/mem0/v1/events/", "mem0.events"),
    made<mem0::events>(http_method::get, "/mem0/v1/memories/events/",
                       "mem0.events"),
    made<mem0::summary>(post, "/mem0/v1/summary/", "mem0.summary"),
  };
  return routes;
}

} // namespace cloister::server
