// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Who is asked, and what is kept besides memories: feedback, exports, a
// project's settings and webhooks.

#include <algorithm>

#include <boost/json.hpp>

#include "core/rfc3339.hpp"
#include "server/mem0_documents.hpp"
#include "server/mem0_memory.hpp"
#include "server/mem0_reading.hpp"
#include "server/mem0_routing.hpp"
#include "server/random_name.hpp"
#include "server/webhook_signature.hpp"

namespace cloister::server {

namespace mem0 {

namespace {

namespace json = boost::json;

constexpr std::string_view project_name = "default";
constexpr std::size_t webhooks_max = 50;
constexpr std::array<std::string_view, 4> event_types{
  "memory_add", "memory_update", "memory_delete", "memory_categorize"};

error invalid(std::string what) {
  return {errc::invalid_argument, std::move(what)};
}

json::value message(std::string_view text) {
  json::object out;
  out["message"] = text;
  return out;
}

/// That a key is good is asked with each operation on the store; what has none
/// asks by itself. What it may not do is another matter.
std::optional<error> refused_key(const call& of) {
  auto asked = of.root().find_holders(memory_id{});
  if (asked.has_error() && asked.error().code != errc::forbidden)
    return asked.error();
  return std::nullopt;
}

result<json::value> ping(const call& of) {
  if (auto why = refused_key(of))
    return *why;
  json::object out;
  out["status"] = "ok";
  out["org_id"] = of.root().bound_to().organization().path();
  out["project_id"] = project_name;
  // Clients ask for it not to be empty, and call home for a real one.
  out["user_email"] = "cloister";
  return out;
}

// -- feedback --

result<json::value> feedback(const call& of) {
  if (auto why = of.refused(permissions::write, "memory.create"))
    return *why;
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto id = body->if_contains("memory_id");
  if (id == nullptr || !id->is_string())
    return invalid("memory_id is missing");
  constexpr std::array<std::string_view, 3> known{"POSITIVE", "NEGATIVE",
                                                  "VERY_NEGATIVE"};
  auto given = body->if_contains("feedback");
  auto is_known = given == nullptr || given->is_null()
                  || (given->is_string()
                      && std::find(known.begin(), known.end(),
                                   std::string_view{given->get_string()})
                           != known.end());
  if (!is_known)
    return invalid("feedback is POSITIVE, NEGATIVE or VERY_NEGATIVE");
  auto found = of.find(std::string_view{id->get_string()});
  if (found.has_error())
    return found.error();
  auto kept = documents::of(of, "feedback");
  if (kept.has_error())
    return kept.error();
  auto done = kept->put(found->memory.id.to_string(), *body);
  if (done.has_error())
    return done.error();
  auto out = *body;
  out["id"] = done->id.to_string();
  out["message"] = "Feedback was stored";
  return out;
}

// -- exports --

/// For whoever began one to fetch it.
constexpr std::chrono::milliseconds export_lifetime
  = std::chrono::hours{24 * 30};

/// What an export is of is asked when it is fetched: it is never out of date.
result<json::value> begin_export(const call& of) {
  if (auto why = of.refused(permissions::write, "memory.create"))
    return *why;
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto filters = body->if_contains("filters");
  if (filters == nullptr || !filters->is_object())
    return invalid("filters is an object that says whose memories to export");
  if (auto valid = groups_of(of, filters->get_object()); valid.has_error())
    return valid.error();
  auto kept = documents::of(of, "export");
  if (kept.has_error())
    return kept.error();
  auto id = secret_name();
  auto until = timestamp{of.now().milliseconds + export_lifetime.count()};
  if (auto done = kept->put(id, *body, until); done.has_error())
    return done.error();
  json::object out;
  out["message"] = "Memory export request received. The export will be ready "
                   "in a few seconds.";
  out["id"] = id;
  return out;
}

result<json::object> export_filters(const call& of, const json::object& body) {
  auto filters = body.if_contains("filters");
  if (filters != nullptr && filters->is_object())
    return filters->get_object();
  auto id = body.if_contains("memory_export_id");
  if (id == nullptr || !id->is_string())
    return invalid("memory_export_id or filters is needed");
  auto kept = documents::of(of, "export");
  if (kept.has_error())
    return kept.error();
  auto found = kept->get(std::string{id->get_string()});
  if (found.has_error())
    return found.error();
  if (!*found)
    return error{errc::not_found, "there is no such export"};
  auto kept_filters = (*found)->content.if_contains("filters");
  if (kept_filters == nullptr || !kept_filters->is_object())
    return error{errc::not_found, "there is no such export"};
  return kept_filters->get_object();
}

result<json::value> fetch_export(const call& of) {
  if (auto why = of.refused(permissions::read, "memory.list"))
    return *why;
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto filters = export_filters(of, *body);
  if (filters.has_error())
    return filters.error();
  auto groups = groups_of(of, *filters);
  if (groups.has_error())
    return groups.error();
  auto found = gather(of, *groups, true);
  if (found.has_error())
    return found.error();
  json::array rows;
  for (const auto& each : *found)
    rows.push_back(shown(each.memory, each.where));
  json::object out;
  out["memories"] = std::move(rows);
  return out;
}

// -- the project --

/// Of the whole organization: its own key's.
std::optional<error> refused_at_organization(const call& of) {
  if (auto why = refused_key(of))
    return why;
  if (of.root().bound_to().parent())
    return error{errc::forbidden,
                 "this is the whole organization's; use a key of its root"};
  return of.refused(permissions::admin, "scope.configure");
}

std::optional<error> refused_project(const call& of) {
  auto organization = of.root().bound_to().organization();
  if (of.http().path_parameter("org") != organization.path()
      || of.http().path_parameter("project") != project_name)
    return error{errc::not_found,
                 "there is no such project; ping tells org_id and project_id"};
  return std::nullopt;
}

json::object default_project(const call& of) {
  json::object out;
  out["custom_instructions"] = nullptr;
  out["custom_categories"] = nullptr;
  out["name"] = project_name;
  out["project_id"] = project_name;
  out["org_id"] = of.root().bound_to().organization().path();
  return out;
}

result<json::object> project_of(const call& of) {
  auto kept = documents::of(of, "project");
  if (kept.has_error())
    return kept.error();
  auto found = kept->get("settings");
  if (found.has_error())
    return found.error();
  auto out = default_project(of);
  if (*found)
    for (const auto& [name, value] : (*found)->content)
      out[name] = value;
  return out;
}

result<json::value> show_project(const call& of) {
  if (auto why = of.refused(permissions::read, "memory.list"))
    return *why;
  if (auto why = refused_project(of))
    return *why;
  auto found = project_of(of);
  if (found.has_error())
    return found.error();
  json::object out;
  bool is_narrowed = false;
  for (const auto& [name, value] : of.http().target.query) {
    if (name != "fields")
      continue;
    is_narrowed = true;
    auto known = found->if_contains(value);
    out[value] = known != nullptr ? *known : json::value(nullptr);
  }
  return is_narrowed ? json::value(std::move(out)) : json::value(*found);
}

result<json::value> change_project(const call& of) {
  if (auto why = refused_project(of))
    return *why;
  if (auto why = refused_at_organization(of))
    return *why;
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto kept = documents::of(of, "project");
  if (kept.has_error())
    return kept.error();
  auto found = kept->get("settings");
  if (found.has_error())
    return found.error();
  auto settings = *found ? (*found)->content : json::object{};
  for (const auto& [name, value] : *body)
    settings[name] = value;
  for (auto name : {"org_id", "project_id", "name"})
    settings.erase(name);
  if (auto done = kept->put("settings", settings); done.has_error())
    return done.error();
  return message("Project updated successfully");
}

// -- webhooks --

json::object shown_webhook(const document& hook) {
  json::object out;
  out["id"] = hook.id.to_string();
  out["webhook_id"] = hook.id.to_string();
  for (auto name : {"name", "url", "event_types"})
    if (auto value = hook.content.if_contains(name))
      out[name] = *value;
  out["project"] = project_name;
  out["is_active"] = true;
  out["created_at"] = to_rfc3339(hook.created_at);
  out["updated_at"] = to_rfc3339(hook.updated_at);
  return out;
}

/// Takes what is given of a webhook over, and checks it.
result<void> apply(const call& of, const json::object& from, json::object& to) {
  if (auto name = from.if_contains("name");
      name != nullptr && name->is_string())
    to["name"] = *name;
  if (auto url = from.if_contains("url"); url != nullptr && !url->is_null()) {
    if (!url->is_string())
      return invalid("url is a text");
    if (auto why = of.http().of().webhooks.refused_url(
          std::string_view{url->get_string()}))
      return *why;
    to["url"] = *url;
  }
  auto events = from.if_contains("event_types");
  if (events == nullptr || events->is_null())
    return {};
  if (!events->is_array())
    return invalid("event_types is a list");
  json::array wanted;
  for (const auto& each : events->get_array()) {
    if (!each.is_string())
      return invalid("event_types is a list of texts");
    std::string name{each.get_string()};
    // As older documents have it.
    std::replace(name.begin(), name.end(), ':', '_');
    if (std::find(event_types.begin(), event_types.end(), name)
        == event_types.end())
      return invalid("event_types are memory_add, memory_update, memory_delete "
                     "and memory_categorize");
    wanted.push_back(json::value(name));
  }
  to["event_types"] = std::move(wanted);
  return {};
}

result<documents> webhooks_of(const call& of) {
  if (auto why = refused_at_organization(of))
    return *why;
  auto project = of.http().path_parameter("project");
  if (!project.empty() && project != project_name)
    return error{errc::not_found,
                 "there is no such project; ping tells the project_id"};
  return documents::of(of, "webhook");
}

result<json::value> list_webhooks(const call& of) {
  auto kept = webhooks_of(of);
  if (kept.has_error())
    return kept.error();
  auto found = kept->all();
  if (found.has_error())
    return found.error();
  json::array out;
  for (const auto& each : *found)
    out.push_back(shown_webhook(each));
  return json::value(std::move(out));
}

void forget_webhooks(const call& of) {
  of.http().of().webhooks.forget(of.root().bound_to().organization());
}

result<json::value> create_webhook(const call& of) {
  auto kept = webhooks_of(of);
  if (kept.has_error())
    return kept.error();
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto before = kept->all();
  if (before.has_error())
    return before.error();
  if (before->size() >= webhooks_max)
    return error{errc::quota_exceeded,
                 "there are 50 webhooks; delete one of them"};
  json::object made;
  if (auto applied = apply(of, *body, made); applied.has_error())
    return applied.error();
  if (!made.contains("url"))
    return invalid("url is missing");
  if (!made.contains("event_types"))
    return invalid("event_types is missing");
  auto key = secret_name();
  auto done = kept->put(key, made);
  if (done.has_error())
    return done.error();
  forget_webhooks(of);
  auto out = shown_webhook(*done);
  // Shown once; what is delivered is signed with it.
  out["secret"] = of.http().of().webhooks.secret_of(
    of.root().bound_to().organization(), done->key);
  return out;
}

result<document> webhook_in_path(const call& of, const documents& kept) {
  auto found = kept.all();
  if (found.has_error())
    return found.error();
  for (const auto& each : *found)
    if (each.id.to_string() == of.http().path_parameter("id"))
      return each;
  return error{errc::not_found, "there is no such webhook"};
}

result<json::value> update_webhook(const call& of) {
  auto kept = webhooks_of(of);
  if (kept.has_error())
    return kept.error();
  auto body = of.body();
  if (body.has_error())
    return body.error();
  auto found = webhook_in_path(of, *kept);
  if (found.has_error())
    return found.error();
  if (auto applied = apply(of, *body, found->content); applied.has_error())
    return applied.error();
  auto key = found->key.substr(std::string_view{"webhook."}.size());
  if (auto done = kept->put(key, found->content); done.has_error())
    return done.error();
  forget_webhooks(of);
  return message("Webhook updated successfully");
}

result<json::value> delete_webhook(const call& of) {
  auto kept = webhooks_of(of);
  if (kept.has_error())
    return kept.error();
  auto found = webhook_in_path(of, *kept);
  if (found.has_error())
    return found.error();
  if (auto done = kept->remove(found->id); done.has_error())
    return done.error();
  forget_webhooks(of);
  return message("Webhook deleted successfully");
}

result<json::value> profile(const call&) {
  return invalid("a profile needs a language model, which this server does not "
                 "have");
}

} // namespace

} // namespace mem0

std::span<const route> mem0_project_routes() {
  using enum http_method;
  using mem0::made;
  constexpr unsigned created = 201;
  constexpr std::string_view project
    = "/mem0/api/v1/orgs/organizations/{org}/projects/{project}/";
  static const std::vector<route> routes{
    made<mem0::ping>(get, "/mem0/v1/ping/", "mem0.ping"),
    made<mem0::feedback>(post, "/mem0/v1/feedback/", "mem0.feedback"),
    made<mem0::begin_export, created>(post, "/mem0/v1/exports/", "mem0.export"),
    made<mem0::fetch_export>(post, "/mem0/v1/exports/get/",
                             "mem0.fetch_export"),
    made<mem0::show_project>(get, project, "mem0.project"),
    made<mem0::change_project>(patch, project, "mem0.change_project"),
    made<mem0::list_webhooks>(get, "/mem0/api/v1/webhooks/projects/{project}/",
                              "mem0.webhooks"),
    made<mem0::create_webhook>(
      post, "/mem0/api/v1/webhooks/projects/{project}/", "mem0.create_webhook"),
    made<mem0::update_webhook>(put, "/mem0/api/v1/webhooks/{id}/",
                               "mem0.update_webhook"),
    made<mem0::delete_webhook>(remove, "/mem0/api/v1/webhooks/{id}/",
                               "mem0.delete_webhook"),
    made<mem0::profile>(get, "/mem0/v2/entities/user/{id}/profile/",
                        "mem0.profile"),
    made<mem0::profile>(post, "/mem0/v2/profiles/jobs/", "mem0.profile"),
    made<mem0::profile>(get, "/mem0/v2/profiles/jobs/{id}/", "mem0.profile"),
    made<mem0::profile>(get, "/mem0/v2/profiles/settings/", "mem0.profile"),
    made<mem0::profile>(post, "/mem0/v2/profiles/settings/", "mem0.profile"),
  };
  return routes;
}

} // namespace cloister::server
