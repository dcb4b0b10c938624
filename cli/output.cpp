// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/output.hpp"

#include <algorithm>
#include <iostream>

#include <boost/json.hpp>

#include "cli/table.hpp"
#include "core/encoding.hpp"
#include "core/json_text.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

json::value optional_time(const std::optional<timestamp>& at) {
  if (!at)
    return nullptr;
  return json::value(to_rfc3339(*at));
}

/// Breaks of lines are kept; what follows one stands under the first.
std::string lines_of(std::string_view text, std::size_t indent) {
  std::string out;
  for (std::size_t at = 0;;) {
    auto end = text.find('\n', at);
    out += printable(text.substr(at, end - at));
    if (end == std::string_view::npos)
      return out;
    out += '\n' + std::string(indent, ' ');
    at = end + 1;
  }
}

} // namespace

exit_code exit_code_of(errc code) {
  switch (code) {
    case errc::ok:
      return exit_code::done;
    case errc::invalid_argument:
      return exit_code::usage;
    case errc::overloaded:
    case errc::unavailable:
    case errc::sealed:
    case errc::quarantined:
    case errc::timeout:
      return exit_code::unavailable;
    case errc::corrupted:
      return exit_code::corrupted;
    default:
      return exit_code::refused;
  }
}

void print_fields(
  const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields)
    width = std::max(width, name.size());
  for (const auto& [name, value] : fields)
    std::cout << name << std::string(width - name.size() + 2, ' ')
              << lines_of(value, width + 2) << '\n';
}

std::string counted(std::uint64_t number, std::string_view one,
                    std::string_view many) {
  return std::to_string(number) + ' ' + std::string{number == 1 ? one : many};
}

void print_json(const json::value& document) {
  std::cout << to_json_text(document) << '\n';
}

void print_error(const error& failure) {
  std::cerr << "cloister: " << to_string(failure.code) << ": "
            << printable(failure.detail) << '\n';
}

json::object to_json(const memory& value, const scope& where) {
  json::object out;
  out["id"] = value.id.to_string();
  out["scope"] = where.path();
  out["content"] = value.content;
  out["memory_type"] = value.type;
  boost::system::error_code code;
  out["metadata"] = json::parse(value.metadata, code);
  out["key"] = value.key ? json::value(*value.key) : json::value(nullptr);
  out["author"] = value.author;
  out["revision"] = value.revision;
  out["created_at"] = to_rfc3339(value.created_at);
  out["updated_at"] = to_rfc3339(value.updated_at);
  out["expires_at"] = optional_time(value.expires_at);
  if (!value.embedding.empty())
    out["embedding"] = json::value_from(value.embedding);
  if (value.origin)
    out["origin"] = json::object{{"id", value.origin->id.to_string()},
                                 {"revision", value.origin->revision}};
  return out;
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
          {"promote_to", key.promote_to ? json::value(*key.promote_to)
                                        : json::value(nullptr)},
          {"revoked_narrowings", key.revoked_narrowings}};
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

json::object organization_to_json(const scope_summary& summary) {
  auto out = to_json(summary);
  out["state"] = summary.erased_at ? "disabled" : "active";
  out["erased_at"] = optional_time(summary.erased_at);
  return out;
}

json::object to_json(const audit_record& record) {
  json::array targets;
  for (const auto& id : record.targets)
    targets.emplace_back(id.to_string());
  json::object out{{"index", record.index},
                   {"time", to_rfc3339(record.at)},
                   {"principal", record.principal},
                   {"key_id", record.key_id.empty()
                                ? json::value(nullptr)
                                : json::value(record.key_id)},
                   {"operation", record.operation},
                   {"scope", record.scope},
                   {"outcome", record.outcome},
                   {"reason", record.reason},
                   {"request_id", record.request_id},
                   {"count", record.count},
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

std::string short_time(timestamp at) {
  auto text = to_rfc3339(at);
  text[10] = ' ';
  return text.substr(0, 16) + 'Z';
}

} // namespace cloister::cli
