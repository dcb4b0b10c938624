// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "core/version.hpp"
#include "server/documentation.hpp"
#include "server/openapi.hpp"
#include "server/route.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr unsigned unavailable = 503;

void health(const exchange_ptr& call) {
  call->answer(200, json::object{{"status", "ok"}, {"version", version_text}});
}

/// Why there is no sense in sending requests here; empty where there is.
std::string_view not_ready(const service& of) {
  if (of.is_draining)
    return "draining";
  if (of.store.sealed())
    return "sealed";
  return of.store.statistics().is_reopening ? "reopening" : "";
}

void readiness(const exchange_ptr& call) {
  auto why = not_ready(call->of());
  if (why.empty())
    return call->answer(200, json::object{{"status", "ready"}});
  call->note_outcome(why == "sealed" ? errc::sealed : errc::unavailable);
  http_response out;
  out.status = unavailable;
  out.headers.emplace_back("Retry-After", "1");
  // Why it is sealed is in the log: nobody has shown who they are.
  out.body = to_json_text(json::object{{"status", why}});
  call->answer(std::move(out));
}

void metrics(const exchange_ptr& call) {
  http_response out;
  out.content_type = "text/plain; version=0.0.4; charset=utf-8";
  out.body = call->of().metrics.text(call->of().store.statistics());
  call->answer(std::move(out));
}

void description(const exchange_ptr& call) {
  static const auto text = to_json_text(openapi_document());
  http_response out;
  out.body = text;
  call->answer(std::move(out));
}

void documentation(const exchange_ptr& call) {
  static const auto text = documentation_page();
  http_response out;
  out.content_type = "text/html; charset=utf-8";
  // Nothing is loaded from elsewhere.
  out.headers.emplace_back("Content-Security-Policy",
                           "default-src 'none'; style-src 'unsafe-inline'");
  out.body = text;
  call->answer(std::move(out));
}

const std::vector<route> routes{
  {http_method::get,
   "/healthz",
   "health",
   "system",
   "Whether the server runs",
   access::anyone,
   health,
   {},
   "",
   "Health",
   200,
   "application/json",
   false},
  {http_method::get,
   "/readyz",
   "readiness",
   "system",
   "Whether it can be used: ready, sealed, reopening or draining",
   access::anyone,
   readiness,
   {},
   "",
   "Readiness",
   200,
   "application/json",
   false},
  {http_method::get,
   "/metrics",
   "metrics",
   "system",
   "Measurements for Prometheus",
   access::anyone,
   metrics,
   {},
   "",
   "",
   200,
   "text/plain",
   false},
  {http_method::get,
   "/openapi.json",
   "openapi",
   "system",
   "This description of the API",
   access::anyone,
   description,
   {},
   "",
   "OpenApi",
   200,
   "application/json",
   false},
  {http_method::get,
   "/docs",
   "docs",
   "system",
   "The same for reading",
   access::anyone,
   documentation,
   {},
   "",
   "",
   200,
   "text/html",
   false},
};

} // namespace

std::span<const route> system_routes() {
  return routes;
}

} // namespace cloister::server
