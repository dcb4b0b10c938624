// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/documentation.hpp"

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "core/version.hpp"
#include "server/openapi.hpp"
#include "server/problem.hpp"
#include "server/route.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

std::string escaped(std::string_view text) {
  std::string out;
  for (auto letter : text) {
    if (letter == '<')
      out += "&lt;";
    else if (letter == '&')
      out += "&amp;";
    else if (letter == '"')
      out += "&quot;";
    else
      out += letter;
  }
  return out;
}

constexpr std::string_view head
  = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\">"
    "<title>Cloister</title><style>"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem;color:#222}code,pre{font:14px/1.4 ui-monospace,monospace}"
    "h2{border-bottom:1px solid #ddd;margin-top:2.5rem}"
    "details{border:1px solid #ddd;border-radius:6px;margin:.5rem 0;"
    "padding:.4rem .8rem}summary{cursor:pointer}"
    "pre{background:#f6f6f6;padding:.6rem;overflow:auto}"
    "td,th{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top}"
    "@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}"
    "pre{background:#242424}details,h2{border-color:#444}}"
    "</style><body>";

/// How long lines of a schema may be before they are broken.
std::string pretty(const json::value& value, std::size_t indent = 0) {
  constexpr std::size_t line_max = 70;
  auto plain = to_json_text(value);
  if (plain.size() + indent <= line_max || !value.is_structured())
    return plain;
  auto pad = std::string(indent + 2, ' ');
  std::string out;
  if (auto object = value.if_object()) {
    for (const auto& [name, member] : *object)
      out += (out.empty() ? "{\n" : ",\n") + pad + '"' + std::string{name}
             + "\": " + pretty(member, indent + 2);
    return out + '\n' + std::string(indent, ' ') + '}';
  }
  for (const auto& element : value.get_array())
    out += (out.empty() ? "[\n" : ",\n") + pad + pretty(element, indent + 2);
  return out + '\n' + std::string(indent, ' ') + ']';
}

std::string schema_text(const json::object& schemas, std::string_view name) {
  return "<p>" + std::string{name} + ":</p><pre>"
         + escaped(pretty(schemas.at(name))) + "</pre>";
}

std::string shown(const route& of, const json::object& schemas) {
  auto out = "<details><summary><code>" + std::string{to_string(of.method)}
             + ' ' + escaped(of.pattern) + "</code> " + escaped(of.summary)
             + "</summary>";
  if (of.needs == access::operator_key)
    out += "<p>Wants the operator key.</p>";
  if (!of.query.empty() || of.has_user_id) {
    out += "<table>";
    for (const auto& each : of.query)
      out += "<tr><td><code>" + std::string{each.name} + "</code><td>"
             + escaped(each.description);
    if (of.has_user_id)
      out += "<tr><td><code>user_id</code><td>Whose memories; or the header "
             "X-User-ID";
    out += "</table>";
  }
  if (!of.request.empty())
    out += schema_text(schemas, of.request);
  if (!of.response.empty())
    out += schema_text(schemas, of.response);
  return out + "</details>";
}

std::string error_table() {
  std::string out = "<h2>Errors</h2><table>";
  for (auto code :
       {errc::invalid_argument, errc::unauthenticated, errc::forbidden,
        errc::not_found, errc::conflict, errc::erased, errc::too_large,
        errc::quota_exceeded, errc::rate_limited, errc::overloaded,
        errc::unavailable, errc::sealed, errc::quarantined, errc::timeout,
        errc::corrupted}) {
    auto name = std::string{to_string(code)};
    out += "<tr id=\"" + name + "\"><td><code>" + name + "</code><td>"
           + std::to_string(status_of(code)) + "<td>" + escaped(title_of(code));
  }
  return out + "</table>";
}

std::string mem0_table() {
  std::string out
    = "<h2>mem0's own client</h2><p>Its host is this one's address with "
      "<code>/mem0</code> behind it. Bodies and answers are those of mem0.</p>"
      "<table>";
  for (auto each : all_routes())
    if (each->tag == mem0_tag)
      out += "<tr><td><code>" + std::string{to_string(each->method)}
             + "</code><td><code>" + escaped(each->pattern) + "</code>";
  return out + "</table>";
}

} // namespace

std::string documentation_page() {
  auto schemas = openapi_schemas();
  std::string out{head};
  out += "<h1>Cloister " + std::string{version_text}
         + "</h1>"
           "<p>Send an API key as <code>Authorization: Bearer KEY</code>, "
           "<code>Authorization: Token KEY</code> or <code>X-API-Key: "
           "KEY</code>. "
           "The same as <a href=\"/openapi.json\">OpenAPI 3.1</a>.</p>";
  std::string_view tag;
  for (auto each : all_routes()) {
    if (!each->is_described)
      continue;
    if (each->tag != tag)
      out += "<h2>" + std::string{each->tag} + "</h2>";
    tag = each->tag;
    out += shown(*each, schemas);
  }
  return out + mem0_table() + error_table() + "</body></html>\n";
}

} // namespace cloister::server
