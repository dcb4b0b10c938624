// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What the operator does with the whole store, besides organizations.

#include <boost/json.hpp>

#include "core/rfc3339.hpp"
#include "server/reading.hpp"
#include "server/route.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

void in_background(const exchange_ptr& call, std::function<void()> work) {
  if (!call->of().blocking.run(std::move(work)))
    call->fail({errc::overloaded, "too many such requests wait; try again",
                limits::overload_retry_hint});
}

// -- organizations that end, and do not --

void keep(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto name = call->path_parameter("org");
  call->with_operator("org.keep", [call, name] {
    call->of().store.keep_organization(
      name, [call, name](const result<void>& done) {
        if (done.has_error())
          return call->fail(done.error());
        call->answer(200, json::object{{"org", name}, {"state", "active"}});
      });
  });
}

void reinstate(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto name = call->path_parameter("org");
  call->with_operator("scope.reinstate", [call, name] {
    call->of().store.reinstate_organization(
      name, [call, name](const result<void>& done) {
        if (done.has_error())
          return call->fail(done.error());
        call->answer(200, json::object{{"org", name}});
      });
  });
}

void receipt(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto name = call->path_parameter("org");
  call->with_operator("scope.receipt", [call, name] {
    call->of().store.find_organization_receipt(
      name, [call](const result<erasure_receipt>& done) {
        call->answer_with(
          done, [](const auto& found) { return wire::to_json(found); });
      });
  });
}

// -- the trails --

void list_erased(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_operator("store.erased", [call] {
    call->of().store.list_erased([call](const result<erasure_list>& done) {
      if (done.has_error())
        return call->fail(done.error());
      http_response out;
      out.body = to_json_text(*done);
      call->answer(std::move(out));
    });
  });
}

void node_audit(const exchange_ptr& call) {
  auto options = read_audit_options(call);
  if (!options || !check_query(call))
    return;
  call->with_operator("audit.list", [call, options = *options] {
    call->of().store.list_node_audit(
      options, [call](const result<audit_list>& done) {
        call->answer_with(done,
                          [](const auto& page) { return wire::to_json(page); });
      });
  });
}

void prune(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  struct wanted {
    std::string scope;
    timestamp before;
  };
  auto what = read_body(call, [](wire::object_reader& from) {
    auto before = from.time("before");
    if (!before)
      from.fail({errc::invalid_argument,
                 "\"before\" is missing; give a time, and what is older goes"});
    return wanted{from.text("scope").value_or(""),
                  before.value_or(timestamp{})};
  });
  if (!what)
    return;
  call->with_operator("audit.prune", [call, what = *what] {
    call->of().store.prune_audit(
      what.scope, what.before, [call](const result<audit_pruning>& done) {
        call->answer_with(done, [](const auto& pruned) {
          return json::object{{"entries", pruned.entries},
                              {"chains", pruned.chains}};
        });
      });
  });
}

// -- its health --

json::object finding(std::string_view level, std::string what,
                     std::string_view advice) {
  return {{"level", level}, {"what", std::move(what)}, {"advice", advice}};
}

/// What can be told of a store that is being used; the command tells more of
/// one that is not.
void doctor(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_operator("node.repair", [call] {
    in_background(call, [call] {
      auto listed = call->of().store.list_organizations();
      auto verified = call->of().store.verify_all();
      if (listed.has_error())
        return call->fail(listed.error());
      if (verified.has_error())
        return call->fail(verified.error());
      json::array findings;
      if (listed->unreadable > 0)
        findings.push_back(finding(
          "error",
          std::to_string(listed->unreadable) + " organizations are damaged",
          "stop the server and run `cloister doctor --repair`"));
      if (!verified->intact)
        findings.push_back(
          finding("error",
                  "the audit trail is broken at " + verified->first_broken
                    + ": " + verified->reason,
                  "stop the server and run `cloister doctor`"));
      if (call->of().store.statistics().is_reopening)
        findings.push_back(finding("warning",
                                   "a write has failed, and the store is being "
                                   "opened again",
                                   "look at its disk"));
      auto is_healthy = findings.empty();
      if (is_healthy)
        findings.push_back(
          finding("ok",
                  std::to_string(verified->chains) + " audit trails with "
                    + std::to_string(verified->entries) + " entries verify",
                  ""));
      call->answer(200, json::object{{"healthy", is_healthy},
                                     {"organizations", listed->scopes.size()},
                                     {"audit", wire::to_json(*verified)},
                                     {"findings", std::move(findings)}});
    });
  });
}

route made(http_method method, std::string_view pattern,
           std::string_view operation, std::string_view summary,
           void (*run)(const exchange_ptr&), std::string_view request,
           std::string_view response) {
  route out;
  out.method = method;
  out.pattern = pattern;
  out.operation = operation;
  out.tag = "operator";
  out.summary = summary;
  out.needs = access::operator_key;
  out.run = run;
  out.request = request;
  out.response = response;
  out.has_user_id = false;
  return out;
}

} // namespace

std::span<const route> store_routes() {
  using enum http_method;
  static const auto routes = [] {
    std::vector<route> out{
      made(post, "/v1/orgs/{org}/keep", "keep_organization",
           "Keep an organization that is disabled", keep, "",
           "OrganizationState"),
      made(post, "/v1/orgs/{org}/reinstate", "reinstate_organization",
           "Let the name of one that was erased be used again", reinstate, "",
           "OrganizationState"),
      made(get, "/v1/orgs/{org}/receipt", "organization_receipt",
           "Sign the receipt of one that was erased", receipt, "", "Receipt"),
      made(get, "/v1/erased", "list_erased",
           "The signed list of what was erased, for restoring a backup",
           list_erased, "", "ErasureList"),
      made(get, "/v1/store/audit", "list_store_audit",
           "The operator's acts and refusals at the door, newest first",
           node_audit, "", "AuditPage"),
      made(post, "/v1/audit/prune", "prune_audit",
           "Remove the oldest entries of a trail for good", prune, "PruneAudit",
           "AuditPruning"),
      made(get, "/v1/doctor", "doctor",
           "Whether the store is whole, as far as can be told while it is used",
           doctor, "", "Diagnosis"),
    };
    out[4].query = audit_list_parameters();
    return out;
  }();
  return routes;
}

} // namespace cloister::server
