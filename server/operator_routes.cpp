// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <boost/json.hpp>

#include "core/rfc3339.hpp"
#include "server/reading.hpp"
#include "server/route.hpp"
#include "wire/input.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr unsigned created = 201;

/// Runs what blocks, for the operator.
void in_background(const exchange_ptr& call, std::function<void()> work) {
  if (!call->of().blocking.run(std::move(work)))
    call->fail({errc::overloaded, "too many such requests wait; try again",
                limits::overload_retry_hint});
}

void create_organization(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto name = read_body(call, [](wire::object_reader& from) {
    auto out = from.text("org");
    if (!out)
      from.fail(
        {errc::invalid_argument, "\"org\" is missing; name it like org_acme"});
    return out.value_or("");
  });
  if (!name)
    return;
  call->with_operator("org.create", [call, name = *name] {
    call->of().store.create_organization(
      name, [call, name](const result<new_key>& done) {
        call->answer_with(
          done,
          [&](const auto& made) {
            return json::object{{"org", name}, {"api_key", made.api_key}};
          },
          created);
      });
  });
}

void list_organizations(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  call->with_operator("org.list", [call] {
    call->of().store.list_organizations(
      [call](const result<scope_listing>& done) {
        call->answer_with(done, [](const auto& found) {
          json::array rows;
          for (const auto& each : found.scopes)
            rows.push_back(wire::organization_to_json(each));
          return json::object{{"results", std::move(rows)},
                              {"unreadable", found.unreadable}};
        });
      });
  });
}

json::object to_json(const std::string& name,
                     const organization_erasure& erasure) {
  json::object out{{"org", name},
                   {"state", erasure.receipt ? "erased" : "disabled"},
                   {"erased_at", to_rfc3339(erasure.erased_at)},
                   {"receipt", nullptr}};
  if (erasure.receipt)
    out["receipt"] = wire::to_json(*erasure.receipt);
  return out;
}

void erase_organization(const exchange_ptr& call) {
  auto now = read_flag(call, "now");
  constexpr auto default_delay
    = std::chrono::duration_cast<std::chrono::seconds>(
      limits::organization_erasure_delay_default);
  auto seconds
    = now ? read_number(call, "delay",
                        static_cast<std::size_t>(default_delay.count()))
          : std::nullopt;
  if (!seconds || !check_query(call))
    return;
  constexpr std::size_t longest = 1000ul * 365 * 24 * 3600;
  if (*seconds > longest)
    return call->fail(
      {errc::invalid_argument, "\"delay\" is at most a thousand years"});
  std::chrono::milliseconds delay{
    *now ? 0 : static_cast<std::int64_t>(*seconds) * 1000};
  auto name = call->path_parameter("org");
  call->with_operator("org.erase", [call, name, delay] {
    call->of().store.erase_organization(
      name, delay, [call, name](const result<organization_erasure>& done) {
        call->answer_with(
          done, [&](const auto& erasure) { return to_json(name, erasure); });
      });
  });
}

void configure_organization(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto changes = read_body(call, [](wire::object_reader& from) {
    organization_changes out;
    if (auto name = from.text("language")) {
      auto parsed = parse_language(*name);
      if (parsed)
        out.search_language = *parsed;
      else
        from.fail(parsed.error());
    }
    out.limits = wire::read_quota(from);
    return out;
  });
  if (!changes)
    return;
  auto name = call->path_parameter("org");
  call->with_operator("org.configure", [call, name, changes = *changes] {
    call->of().store.existing_organization(
      name, [call, name, changes](const result<organization>& found) {
        if (found.has_error())
          return call->fail(found.error());
        auto shown = [call, name](const result<organization_settings>& done) {
          call->answer_with(done, [&](const auto& settings) {
            return json::object{
              {"org", name},
              {"language", to_string(settings.search_language)},
              {"limits", wire::to_json(settings.limits)}};
          });
        };
        if (changes.search_language || changes.limits != quota_changes{})
          found->configure(changes, shown);
        else
          found->settings(shown);
      });
  });
}

/// For an organization that lost its own.
void create_organization_key(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto wanted = read_body(call, wire::read_key);
  if (!wanted)
    return;
  auto name = call->path_parameter("org");
  if (wanted->root.empty())
    wanted->root = name;
  call->with_operator("key.create", [call, name, wanted = *wanted] {
    call->of().store.existing_organization(
      name, [call, wanted](const result<organization>& found) {
        if (found.has_error())
          return call->fail(found.error());
        found->create_key(wanted, [call](const result<new_key>& done) {
          call->answer_with(
            done, [](const auto& made) { return wire::to_json(made); },
            created);
        });
      });
  });
}

void back_up(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto file = read_body(call, [](wire::object_reader& from) {
    auto out = from.text("file");
    if (!out || !out->starts_with('/'))
      from.fail({errc::invalid_argument,
                 "\"file\" is missing; name one on the server, from its root, "
                 "like /elsewhere/monday"});
    return out.value_or("");
  });
  if (!file)
    return;
  call->with_operator("store.backup", [call, file = *file] {
    in_background(call, [call, file] {
      call->answer_with(
        call->of().store.back_up(file),
        [&](const auto& made) { return wire::to_json(made, file); }, created);
    });
  });
}

void rotate_master_key(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto destroys_former = read_body(call, [](wire::object_reader& from) {
    return from.flag("destroy_former").value_or(false);
  });
  if (!destroys_former)
    return;
  call->with_operator(
    "store.rotate-master-key", [call, destroys = *destroys_former] {
      in_background(call, [call, destroys] {
        call->answer_with(
          call->of().store.rotate_master_key({.destroy_former = destroys}),
          [](const auto& done) { return wire::to_json(done); });
      });
    });
}

const std::vector<route> routes{
  {http_method::post,
   "/v1/orgs",
   "create_organization",
   "operator",
   "Make an organization and a key with all permissions",
   access::operator_key,
   create_organization,
   {},
   "NewOrganization",
   "CreatedOrganization",
   created,
   "application/json",
   false},
  {http_method::get,
   "/v1/orgs",
   "list_organizations",
   "operator",
   "The organizations there are",
   access::operator_key,
   list_organizations,
   {},
   "",
   "Organizations",
   200,
   "application/json",
   false},
  {http_method::patch,
   "/v1/orgs/{org}",
   "configure_organization",
   "operator",
   "Change an organization's language and limits; shows them for an empty body",
   access::operator_key,
   configure_organization,
   {},
   "OrganizationChanges",
   "OrganizationSettings",
   200,
   "application/json",
   false},
  {http_method::remove,
   "/v1/orgs/{org}",
   "erase_organization",
   "operator",
   "Disable an organization at once, and destroy it after seven days",
   access::operator_key,
   erase_organization,
   {{"now", "boolean", "Destroy it at once"},
    {"delay", "integer",
     "Seconds until it is destroyed; seven days if absent"}},
   "",
   "OrganizationErasure",
   200,
   "application/json",
   false},
  {http_method::post,
   "/v1/orgs/{org}/keys",
   "create_organization_key",
   "operator",
   "Make an API key of an organization, which is shown once",
   access::operator_key,
   create_organization_key,
   {},
   "NewKey",
   "CreatedKey",
   created,
   "application/json",
   false},
  {http_method::post,
   "/v1/backup",
   "back_up",
   "operator",
   "Write a backup to a file on the server",
   access::operator_key,
   back_up,
   {},
   "NewBackup",
   "Backup",
   created,
   "application/json",
   false},
  {http_method::post,
   "/v1/master-key/rotate",
   "rotate_master_key",
   "operator",
   "Give the store another master key",
   access::operator_key,
   rotate_master_key,
   {},
   "Rotation",
   "RotationReport",
   200,
   "application/json",
   false},
};

} // namespace

std::span<const route> operator_routes() {
  return routes;
}

} // namespace cloister::server
