// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/openapi.hpp"

#include <algorithm>
#include <map>

#include <boost/json.hpp>

#include "core/version.hpp"
#include "server/route.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

json::object reference_to(std::string_view kind, std::string_view name) {
  return {
    {"$ref", "#/components/" + std::string{kind} + '/' + std::string{name}}};
}

json::object content_of(std::string_view type, json::value schema) {
  return {{type, json::object{{"schema", std::move(schema)}}}};
}

json::object parameter_of(const parameter& known) {
  return {{"name", known.name},
          {"in", "query"},
          {"required", known.is_required},
          {"description", known.description},
          {"schema", json::object{{"type", known.type}}}};
}

/// Those of the pattern: "/v1/memories/{id}" has one.
void add_path_parameters(std::string_view pattern, json::array& out) {
  for (auto at = pattern.find('{'); at != std::string_view::npos;
       at = pattern.find('{', at + 1)) {
    auto name = pattern.substr(at + 1, pattern.find('}', at) - at - 1);
    out.push_back(json::object{{"name", name},
                               {"in", "path"},
                               {"required", true},
                               {"schema", json::object{{"type", "string"}}}});
  }
}

json::array parameters_of(const route& of) {
  json::array out;
  add_path_parameters(of.pattern, out);
  for (const auto& each : of.query)
    out.push_back(parameter_of(each));
  if (of.has_user_id) {
    out.push_back(reference_to("parameters", "UserId"));
    out.push_back(reference_to("parameters", "UserIdHeader"));
  }
  if (of.operation == "create_memory")
    out.push_back(reference_to("parameters", "IdempotencyKey"));
  if (of.operation == "update_memory" || of.operation == "delete_memory")
    out.push_back(reference_to("parameters", "IfMatch"));
  return out;
}

json::object answer_of(const route& of) {
  json::object out{{"description", of.summary}};
  auto schema = of.response.empty() ? json::object{{"type", "string"}}
                                    : reference_to("schemas", of.response);
  out["content"] = content_of(of.content_type, std::move(schema));
  return out;
}

json::object answers_of(const route& of) {
  json::object out{{std::to_string(of.status), answer_of(of)}};
  // A key of a memory that is there: it is replaced.
  if (of.operation == "create_memory")
    out["200"] = answer_of(of);
  out["4XX"] = reference_to("responses", "Problem");
  out["5XX"] = reference_to("responses", "Problem");
  return out;
}

json::object operation_of(const route& of) {
  json::object out{{"operationId", of.operation},
                   {"summary", of.summary},
                   {"tags", json::array{of.tag}}};
  auto parameters = parameters_of(of);
  if (!parameters.empty())
    out["parameters"] = std::move(parameters);
  if (!of.request.empty())
    out["requestBody"] = json::object{
      {"required", true},
      {"content",
       content_of("application/json", reference_to("schemas", of.request))}};
  out["responses"] = answers_of(of);
  if (of.needs == access::anyone)
    out["security"] = json::array{};
  return out;
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return out;
}

json::object paths() {
  json::object out;
  for (auto each : all_routes()) {
    if (!each->is_described)
      continue;
    auto& path = out[each->pattern];
    if (!path.is_object())
      path = json::object{};
    path.get_object()[lower(to_string(each->method))] = operation_of(*each);
  }
  return out;
}

json::object header_parameter(std::string_view name,
                              std::string_view description) {
  return {{"name", name},
          {"in", "header"},
          {"required", false},
          {"description", description},
          {"schema", json::object{{"type", "string"}}}};
}

json::object shared_parameters() {
  auto user_id = header_parameter(
    "user_id", "Whose memories, e.g. user_sarah; the key's root if absent");
  user_id["in"] = "query";
  return {
    {"UserId", std::move(user_id)},
    {"UserIdHeader",
     header_parameter("X-User-ID", "The same as user_id in the address")},
    {"IdempotencyKey",
     header_parameter("Idempotency-Key",
                      "Makes a create that is sent again safe for 24 hours")},
    {"IfMatch",
     header_parameter("If-Match", "The revision to change, as an ETag")}};
}

json::object security_schemes() {
  return {{"bearer", json::object{{"type", "http"}, {"scheme", "bearer"}}},
          {"header", json::object{{"type", "apiKey"},
                                  {"in", "header"},
                                  {"name", "X-API-Key"}}}};
}

json::object components() {
  json::object problem{
    {"description", "What went wrong, and what to do (RFC 9457)"},
    {"content", content_of("application/problem+json",
                           reference_to("schemas", "Problem"))}};
  return {{"schemas", openapi_schemas()},
          {"parameters", shared_parameters()},
          {"responses", json::object{{"Problem", std::move(problem)}}},
          {"securitySchemes", security_schemes()}};
}

std::string_view description_of(std::string_view tag) {
  static const std::map<std::string_view, std::string_view> texts{
    {"memories", "What a scope remembers"},
    {"sessions", "Scopes that vanish with all they hold"},
    {"scopes", "Organizations, teams, users, agents, sessions"},
    {"keys", "Who may do what"},
    {"audit", "Who did what, and proof that nothing of it is missing"},
    {"operator", "What whoever runs the server does"},
    {"agents", "The Model Context Protocol"},
    {"system", "Whether the server runs"}};
  return texts.at(tag);
}

json::array tags() {
  json::array out;
  for (auto each : all_routes()) {
    if (!each->is_described)
      continue;
    auto known = std::any_of(out.begin(), out.end(), [&](const auto& tag) {
      return tag.at("name").as_string() == each->tag;
    });
    if (!known)
      out.push_back(json::object{{"name", each->tag},
                                 {"description", description_of(each->tag)}});
  }
  return out;
}

} // namespace

json::object openapi_schemas() {
  return json::parse(schemas_text).get_object();
}

json::value openapi_document() {
  return json::object{
    {"openapi", "3.1.0"},
    {"info",
     json::object{{"title", "Cloister"},
                  {"version", version_text},
                  {"description", "Memory for agents that belongs to someone."},
                  {"license", json::object{{"name", "Apache-2.0"},
                                           {"identifier", "Apache-2.0"}}}}},
    {"servers", json::array{json::object{{"url", "/"}}}},
    {"security", json::array{json::object{{"bearer", json::array{}}},
                             json::object{{"header", json::array{}}}}},
    {"tags", tags()},
    {"paths", paths()},
    {"components", components()}};
}

} // namespace cloister::server
