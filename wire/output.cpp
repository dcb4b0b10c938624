// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "wire/output.hpp"

#include <boost/json.hpp>

#include "core/rfc3339.hpp"

namespace cloister::wire {

namespace {

namespace json = boost::json;

constexpr std::size_t memory_members_max = 14;

json::value optional_time(const std::optional<timestamp>& at) {
  return at ? json::value(to_rfc3339(*at)) : json::value(nullptr);
}

json::value optional_text(const std::optional<std::string>& text,
                          const json::storage_ptr& storage = {}) {
  return text ? json::value(*text, storage) : json::value(nullptr, storage);
}

json::value parsed_metadata(const std::string& text,
                            const json::storage_ptr& storage) {
  // Most have none.
  if (text == "{}")
    return json::value(json::object_kind, storage);
  boost::system::error_code code;
  return json::parse(text, code, storage);
}

/// Nothing is `null`.
json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value optional_number(const std::optional<std::uint64_t>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}

template <class Values>
json::array rows_of(const Values& values) {
  json::array out;
  out.reserve(values.size());
  for (const auto& each : values)
    out.push_back(to_json(each));
  return out;
}

template <class Values>
json::object results_of(const Values& values, json::storage_ptr storage) {
  json::object out(storage);
  auto& rows = out["results"].emplace_array();
  rows.reserve(values.size());
  for (const auto& each : values)
    rows.push_back(to_json(each, storage));
  return out;
}

} // namespace

json::object to_json(const memory& value, const scope& where,
                     json::storage_ptr storage) {
  json::object out(storage);
  out.reserve(memory_members_max);
  out["id"] = value.id.to_string();
  out["scope"] = where.path();
  out["content"] = value.content;
  out["memory_type"] = value.type;
  out["metadata"] = parsed_metadata(value.metadata, storage);
  out["key"] = optional_text(value.key, storage);
  out["author"] = value.author;
  out["revision"] = value.revision;
  out["created_at"] = to_rfc3339(value.created_at);
  out["updated_at"] = to_rfc3339(value.updated_at);
  out["expires_at"] = optional_time(value.expires_at);
  if (!value.embedding.empty())
    out["embedding"] = json::value_from(value.embedding, storage);
  if (value.origin)
    out["origin"] = json::object({{"id", value.origin->id.to_string()},
                                  {"revision", value.origin->revision}},
                                 storage);
  return out;
}

json::object to_json(const located_memory& found, json::storage_ptr storage) {
  return to_json(found.memory, found.where, std::move(storage));
}

json::object to_json(const search_hit& hit, json::storage_ptr storage) {
  auto out = to_json(hit.memory, hit.where, std::move(storage));
  out["score"] = hit.score;
  return out;
}

json::object to_json(const memory_list& page, json::storage_ptr storage) {
  auto out = results_of(page.results, storage);
  out["cursor"] = optional_text(page.cursor, storage);
  return out;
}

json::object to_json(const search_results& found, json::storage_ptr storage) {
  return results_of(found.results, std::move(storage));
}

json::object to_json(const key_info& key) {
  return {{"key_id", key.key_id},
          {"scope", key.scope},
          {"permissions", to_string(key.permissions)},
          {"label", key.label},
          {"created_at", to_rfc3339(key.created_at)},
          {"expires_at", optional_time(key.expires_at)},
          {"revoked_at", optional_time(key.revoked_at)},
          {"ancestors", key.ancestors},
          {"promote_to", optional_text(key.promote_to)},
          {"revoked_narrowings", key.revoked_narrowings}};
}

json::object to_json(const new_key& made) {
  auto out = to_json(made.info);
  out["api_key"] = made.api_key;
  return out;
}

json::object to_json(const key_options& wanted) {
  json::object out{{"permissions", to_string(wanted.permissions)},
                   {"label", wanted.label},
                   {"ancestors", wanted.ancestors}};
  if (!wanted.root.empty())
    out["scope"] = wanted.root;
  if (wanted.expires_at)
    out["expires_at"] = to_rfc3339(*wanted.expires_at);
  if (wanted.promote_to)
    out["promote_to"] = *wanted.promote_to;
  return out;
}

json::object to_json(const scope_summary& summary) {
  return {{"scope", summary.name.path()},
          {"tag", summary.tag},
          {"incarnation", summary.incarnation},
          {"created_at", to_rfc3339(summary.created_at)},
          {"memories", summary.memories},
          {"bytes", summary.bytes},
          {"audit_entries", summary.audit_entries}};
}

json::object to_json_with_limits(const scope_summary& shown) {
  auto out = to_json(shown);
  out["sessions"] = shown.sessions;
  out["limits"] = to_json(shown.limits);
  out["organization"] = nullptr;
  if (const auto& all = shown.organization)
    out["organization"] = json::object{{"memories", all->memories},
                                       {"bytes", all->bytes},
                                       {"sessions", all->sessions},
                                       {"limits", to_json(all->limits)}};
  return out;
}

json::object organization_to_json(const scope_summary& summary) {
  auto out = to_json(summary);
  out["state"] = summary.erased_at ? "disabled" : "active";
  out["erased_at"] = optional_time(summary.erased_at);
  return out;
}

json::object to_json(const quota& limits) {
  json::object out;
  for (const auto& field : quota_fields)
    out[field.name] = optional_number(limits.*field.limit);
  return out;
}

json::object to_json(const session_info& session) {
  return {{"session", session.scope.name()},
          {"scope", session.scope.path()},
          {"resumable", session.resumable},
          {"opened_at", to_rfc3339(session.opened_at)},
          {"expires_at", optional_time(session.expires_at)}};
}

json::object to_json(const memory_event& event, const scope& where) {
  json::object out{{"type", to_string(event.kind)},
                   {"scope", where.path()},
                   {"at", to_rfc3339(event.at)}};
  if (event.id) {
    out["id"] = event.id->to_string();
    out["revision"] = event.revision;
  }
  if (event.count > 0)
    out["count"] = event.count;
  if (!event.session.empty())
    out["session"] = event.session;
  if (!event.reason.empty())
    out["reason"] = event.reason;
  return out;
}

json::object to_json(const erasure_receipt& receipt) {
  return {{"version", receipt.version},
          {"scope", receipt.scope},
          {"tag", receipt.tag},
          {"incarnation", receipt.incarnation},
          {"erased_at", to_rfc3339(receipt.erased_at)},
          {"scopes", receipt.scopes},
          {"memories", receipt.memories},
          {"unreadable", receipt.unreadable},
          {"copies", optional_number(receipt.copies)},
          {"copies_erased", optional_number(receipt.copies_erased)},
          {"reason", text_or_null(receipt.reason)},
          {"principal", receipt.principal},
          {"key_id", text_or_null(receipt.key_id)},
          {"audit_chain", receipt.audit_chain},
          {"audit_index", receipt.audit_index},
          {"audit_head", receipt.audit_head},
          {"public_key", receipt.public_key},
          {"signature", receipt.signature}};
}

json::object to_json(const audit_record& record) {
  json::array targets;
  for (const auto& id : record.targets)
    targets.emplace_back(id.to_string());
  json::object out{
    {"index", record.index},           {"time", to_rfc3339(record.at)},
    {"principal", record.principal},   {"key_id", text_or_null(record.key_id)},
    {"operation", record.operation},   {"scope", record.scope},
    {"outcome", record.outcome},       {"reason", record.reason},
    {"request_id", record.request_id}, {"count", record.count},
    {"targets", std::move(targets)}};
  if (!record.key_chain.empty()) {
    json::array chain;
    for (const auto& key : record.key_chain)
      chain.emplace_back(key);
    out["key_chain"] = std::move(chain);
  }
  if (!record.child.empty())
    out["child"] = record.child;
  if (!record.target.empty())
    out["target_scope"] = record.target;
  return out;
}

json::object to_json(const audit_list& page) {
  return {{"results", rows_of(page.results)},
          {"cursor", optional_text(page.cursor)}};
}

json::object to_json(const audit_verification& report) {
  return {{"entries", report.entries},
          {"chains", report.chains},
          {"pruned", report.pruned},
          {"intact", report.intact},
          {"first_broken", report.intact ? json::value(nullptr)
                                         : json::value(report.first_broken)},
          {"reason",
           report.intact ? json::value(nullptr) : json::value(report.reason)},
          {"checked_against", report.checked_against}};
}

json::object to_json(const backup_summary& made, std::string_view file) {
  return {{"file", file},
          {"keys", std::string{file} + ".keys"},
          {"backup", made.backup},
          {"store", made.store},
          {"made_at", to_rfc3339(made.made_at)},
          {"master_version", made.master_version},
          {"records", made.records},
          {"key_slots", made.keys},
          {"bytes", made.bytes}};
}

json::object to_json(const rotation_report& done) {
  json::array backups;
  for (const auto& each : done.backups)
    backups.push_back(json::object{{"backup", each.backup},
                                   {"made_at", to_rfc3339(each.made_at)}});
  return {{"version", done.version},
          {"kept_in", done.kept_in},
          {"former_kept_in", text_or_null(done.former_kept_in)},
          {"backups_under_former_key", std::move(backups)}};
}

} // namespace cloister::wire
