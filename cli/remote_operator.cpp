// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/remote_operator.hpp"

#include <boost/json.hpp>

#include "cli/server_connection.hpp"
#include "core/rfc3339.hpp"
#include "wire/answers.hpp"
#include "wire/output.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;
using server::http_method;
using server::percent_encoded;

error no_answer() {
  return {errc::unavailable, "the server's answer is not understood; is it a "
                             "Cloister of this version?"};
}

std::string path_of(std::string_view name, std::string_view rest = "") {
  return "/v1/orgs/" + percent_encoded(name) + std::string{rest};
}

const json::value* member(const json::value& of, std::string_view name) {
  auto object = of.if_object();
  return object != nullptr ? object->if_contains(name) : nullptr;
}

/// Empty where there is none.
std::string text_of(const json::value& of, std::string_view name) {
  auto found = member(of, name);
  return found != nullptr && found->is_string()
           ? std::string{found->get_string()}
           : std::string{};
}

std::uint64_t number_of(const json::value& of, std::string_view name) {
  auto found = member(of, name);
  return found != nullptr && found->is_int64() && found->get_int64() >= 0
           ? static_cast<std::uint64_t>(found->get_int64())
           : 0;
}

result<timestamp> time_of(const json::value& of, std::string_view name) {
  auto at = parse_rfc3339(text_of(of, name));
  return at ? at : no_answer();
}

result<organization_settings> settings_of(const json::value& from) {
  organization_settings out;
  auto chosen = parse_language(text_of(from, "language"));
  auto limits = member(from, "limits");
  if (chosen.has_error() || limits == nullptr)
    return no_answer();
  auto parsed = wire::parse_quota(*limits);
  if (parsed.has_error())
    return parsed.error();
  out.search_language = *chosen;
  out.limits = *parsed;
  return out;
}

result<organization_erasure> erasure_of(const json::value& from) {
  organization_erasure out;
  auto at = time_of(from, "erased_at");
  if (at.has_error())
    return at.error();
  out.erased_at = *at;
  auto receipt = member(from, "receipt");
  if (receipt == nullptr || receipt->is_null())
    return out;
  auto parsed = wire::parse_receipt(*receipt);
  if (parsed.has_error())
    return parsed.error();
  out.receipt = std::move(*parsed);
  return out;
}

result<backup_summary> backup_of(const json::value& from) {
  backup_summary out;
  auto at = time_of(from, "made_at");
  if (at.has_error())
    return at.error();
  out.backup = text_of(from, "backup");
  out.store = text_of(from, "store");
  out.made_at = *at;
  out.master_version
    = static_cast<std::uint32_t>(number_of(from, "master_version"));
  out.records = number_of(from, "records");
  out.keys = number_of(from, "key_slots");
  out.bytes = number_of(from, "bytes");
  return out;
}

result<rotation_report> rotation_of(const json::value& from) {
  rotation_report out;
  out.version = static_cast<std::uint32_t>(number_of(from, "version"));
  out.kept_in = text_of(from, "kept_in");
  out.former_kept_in = text_of(from, "former_kept_in");
  auto backups = member(from, "backups_under_former_key");
  if (backups == nullptr || !backups->is_array())
    return no_answer();
  for (const auto& each : backups->get_array()) {
    auto at = time_of(each, "made_at");
    if (at.has_error())
      return at.error();
    out.backups.push_back({text_of(each, "backup"), *at});
  }
  return out;
}

} // namespace

result<remote_operator> remote_operator::to(const std::string& url,
                                            const std::string& operator_key) {
  auto reached = server::http_client::to(url);
  if (reached.has_error())
    return reached.error();
  return remote_operator{std::make_shared<server_connection>(
    server_connection{std::move(*reached), operator_key, {}})};
}

// -- organizations --

result<organization_settings> remote_organization::settings() const {
  return to_->get(settings_of, http_method::patch, path_of(name_),
                  json::object{});
}

result<organization_settings>
remote_organization::configure(organization_changes changes) const {
  json::object body;
  if (changes.search_language)
    body["language"] = to_string(*changes.search_language);
  for (const auto& field : quota_fields)
    if (const auto& change = changes.limits.*field.change)
      body[field.name] = *change ? json::value(**change) : json::value(nullptr);
  return to_->get(settings_of, http_method::patch, path_of(name_), body);
}

result<new_key>
remote_organization::create_key(const key_options& options) const {
  return to_->get(wire::parse_new_key, http_method::post,
                  path_of(name_, "/keys"), wire::to_json(options));
}

result<made_organization>
remote_operator::create_organization(std::string_view name) const {
  json::object body;
  body["org"] = name;
  auto done = to_->ask(http_method::post, "/v1/orgs", body);
  if (done.has_error())
    return done.error();
  made_organization out{text_of(*done, "api_key")};
  if (out.api_key.empty())
    return no_answer();
  return out;
}

result<scope_listing> remote_operator::list_organizations() const {
  return to_->get(wire::parse_scope_listing, http_method::get, "/v1/orgs");
}

result<remote_organization>
remote_operator::existing_organization(std::string_view name) const {
  return remote_organization{to_, std::string{name}};
}

result<organization_erasure>
remote_operator::erase_organization(std::string_view name,
                                    std::chrono::milliseconds delay) const {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(delay);
  return to_->get(
    erasure_of, http_method::remove,
    path_of(name, delay.count() == 0
                    ? "?now=true"
                    : "?delay=" + std::to_string(seconds.count())));
}

result<void> remote_operator::keep_organization(std::string_view name) const {
  auto done = to_->ask(http_method::post, path_of(name, "/keep"));
  return done ? result<void>{} : done.error();
}

result<void>
remote_operator::reinstate_organization(std::string_view name) const {
  auto done = to_->ask(http_method::post, path_of(name, "/reinstate"));
  return done ? result<void>{} : done.error();
}

result<erasure_receipt>
remote_operator::find_organization_receipt(std::string_view name) const {
  return to_->get(wire::parse_receipt, http_method::get,
                  path_of(name, "/receipt"));
}

// -- the store --

result<erasure_list> remote_operator::list_erased() const {
  auto text = to_->text(http_method::get, "/v1/erased");
  if (text.has_error())
    return text.error();
  return parse_erasure_list(*text);
}

result<audit_list>
remote_operator::list_node_audit(const audit_options& options) const {
  auto target = "/v1/store/audit?limit=" + std::to_string(options.limit);
  auto add
    = [&](std::string_view name, const std::optional<std::string>& value) {
        if (value)
          target += '&' + std::string{name} + '=' + percent_encoded(*value);
      };
  add("cursor", options.cursor);
  add("operation", options.operation);
  add("outcome", options.outcome);
  add("principal", options.principal);
  if (options.since)
    add("since", to_rfc3339(*options.since));
  return to_->get(wire::parse_audit_list, http_method::get, target);
}

result<audit_pruning> remote_operator::prune_audit(std::string_view scope,
                                                   timestamp before) const {
  json::object body;
  if (!scope.empty())
    body["scope"] = scope;
  body["before"] = to_rfc3339(before);
  auto done = to_->ask(http_method::post, "/v1/audit/prune", body);
  if (done.has_error())
    return done.error();
  return audit_pruning{number_of(*done, "entries"), number_of(*done, "chains")};
}

result<backup_summary> remote_operator::back_up(const std::string& path,
                                                const backup_watcher&) const {
  json::object body;
  body["file"] = path;
  return to_->get(backup_of, http_method::post, "/v1/backup", body);
}

result<rotation_report>
remote_operator::rotate_master_key(const rotation_options& options) const {
  if (options.next.file || options.next.command || options.next.passphrase)
    return error{errc::invalid_argument,
                 "where the new key comes from is said at the server alone: "
                 "run this there, with --data"};
  json::object body;
  body["destroy_former"] = options.destroy_former;
  return to_->get(rotation_of, http_method::post, "/v1/master-key/rotate",
                  body);
}

result<std::string> remote_operator::diagnose() const {
  return to_->text(http_method::get, "/v1/doctor");
}

} // namespace cloister::cli
