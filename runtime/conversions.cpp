// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <charconv>

#include "core/encoding.hpp"
#include "core/rfc3339.hpp"
#include "runtime/export_lines.hpp"
#include "runtime/runtime_impl.hpp"

namespace cloister {

namespace {

/// What the chains were compared with, until checkpoints are shipped elsewhere.
constexpr std::string_view own_heads = "the store's own heads and anchors";

std::optional<errc> parse_outcome(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(errc::corrupted); ++i)
    if (to_string(static_cast<errc>(i)) == name)
      return static_cast<errc>(i);
  return std::nullopt;
}

std::vector<std::string> key_chain_of(const auth::audit_entry& entry) {
  std::vector<std::string> chain;
  if (entry.narrowings.empty())
    return chain;
  chain.push_back(auth::to_string(entry.key));
  for (const auto& narrowing : entry.narrowings)
    chain.push_back(auth::to_string(entry.key, narrowing));
  return chain;
}

} // namespace

result<permissions> parse_permissions(std::string_view text) {
  auto parsed = auth::parse_permissions(text);
  if (parsed.has_error())
    return parsed.error();
  return static_cast<permissions>(parsed->bits());
}

std::string to_string(permissions allowed) {
  return auth::to_string(
    auth::permission_set::from_bits(static_cast<std::uint8_t>(allowed)));
}

result<search_mode> parse_search_mode(std::string_view text) {
  if (text == "lexical")
    return search_mode::lexical;
  if (text == "vector")
    return search_mode::vector;
  if (text == "hybrid")
    return search_mode::hybrid;
  return error{errc::invalid_argument, "mode is lexical, vector or hybrid"};
}

result<visibility> parse_visibility(std::string_view text) {
  if (text == "self")
    return visibility::self;
  if (text == "inherited")
    return visibility::inherited;
  if (text == "subtree")
    return visibility::subtree;
  return error{errc::invalid_argument,
               "visibility is self, inherited or subtree"};
}

key_info to_key_info(const auth::key_record& record) {
  using kind = auth::ancestor_bound::kind;
  auto ancestors
    = std::string{record.ancestors.which == kind::none ? "none" : "all"};
  if (record.ancestors.which == kind::up_to && record.ancestors.limit)
    ancestors = record.ancestors.limit->path();
  std::optional<std::string> promote_to;
  if (record.promote_to)
    promote_to = std::string{record.promote_to->path()};
  return {auth::to_string(record.id),
          std::string{record.root.path()},
          static_cast<permissions>(record.permissions.bits()),
          record.label,
          record.created_at,
          record.expires_at,
          record.revoked_at,
          std::move(ancestors),
          std::move(promote_to),
          record.revoked_narrowings.size()};
}

scope_summary to_summary(const engine::scope_info& info) {
  scope_summary out{info.name,         to_hex(view_of(info.tag)),
                    info.incarnation,  info.created_at,
                    info.memories,     info.bytes,
                    info.audit_entries};
  out.sessions = info.sessions;
  out.limits = info.limits;
  if (const auto& all = info.organization)
    out.organization = organization_summary{
      static_cast<std::uint64_t>(all->held.memories),
      static_cast<std::uint64_t>(all->held.bytes), all->sessions, all->limits};
  out.erased_at = info.erased_at;
  return out;
}

scope_listing to_listing(const engine::scope_list& list) {
  scope_listing out;
  out.truncated = list.truncated;
  out.unreadable = list.unreadable;
  for (const auto& info : list.scopes)
    out.scopes.push_back(to_summary(info));
  // The catalog's order is that of keyed hashes.
  std::sort(out.scopes.begin(), out.scopes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

audit_record to_audit_record(engine::audit_line line) {
  audit_record record;
  record.index = line.index;
  record.at = line.entry.at;
  record.principal = std::move(line.principal);
  if (line.entry.key != auth::key_id{})
    record.key_id = auth::to_string(line.entry.key);
  record.key_chain = key_chain_of(line.entry);
  record.operation = auth::to_string(line.entry.what);
  record.outcome = to_string(line.entry.outcome);
  record.scope = std::move(line.scope);
  record.reason = std::move(line.entry.reason);
  record.request_id = to_hex(view_of(line.entry.request));
  record.targets = std::move(line.entry.targets);
  record.count = line.entry.count;
  record.child = std::move(line.child);
  record.target = std::move(line.target);
  return record;
}

audit_list to_audit_list(engine::audit_page page) {
  audit_list list;
  for (auto& line : page.lines)
    list.results.push_back(to_audit_record(std::move(line)));
  if (page.next)
    list.cursor = std::to_string(*page.next);
  return list;
}

audit_verification
to_verification(const engine::audit_report& report,
                const std::optional<audit_checkpoint>& against) {
  auto compared = std::string{own_heads};
  if (against)
    compared += ", and the checkpoint of " + to_rfc3339(against->made_at);
  if (report.passed_over > 0)
    compared += passed_over_text(report.passed_over);
  return {report.entries,      report.chains, report.pruned,      report.intact,
          report.first_broken, report.reason, std::move(compared)};
}

result<engine::list_audit> to_list_audit(const audit_options& options) {
  if (options.limit < 1 || options.limit > limits::page_results_max)
    return error{errc::invalid_argument, "limit is 1 to 1000"};
  engine::list_audit wanted;
  wanted.limit = options.limit;
  wanted.since = options.since;
  wanted.principal = options.principal;
  if (options.cursor) {
    std::uint64_t before = 0;
    auto end = options.cursor->data() + options.cursor->size();
    auto parsed = std::from_chars(options.cursor->data(), end, before);
    if (parsed.ptr != end || parsed.ec != std::errc{})
      return error{errc::invalid_argument,
                   "not a cursor of this list; begin again without one"};
    wanted.before = before;
  }
  if (options.operation) {
    wanted.what = auth::parse_operation(*options.operation);
    if (!wanted.what)
      return error{errc::invalid_argument,
                   "unknown operation; they look like memory.create"};
  }
  if (options.outcome) {
    wanted.outcome = parse_outcome(*options.outcome);
    if (!wanted.outcome)
      return error{errc::invalid_argument,
                   "an outcome is ok or an error's code, e.g. forbidden"};
  }
  return wanted;
}

} // namespace cloister
