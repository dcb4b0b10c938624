// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/audit_evidence.hpp"
#include "cli/busy_sign.hpp"
#include "cli/context.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct list_arguments {
  std::string scope;
  std::string operation;
  std::string outcome;
  std::string principal;
  std::string since;
  std::string cursor;
  std::size_t limit = limits::page_results_default;
  /// The store's own trail, whatever key is set.
  bool store = false;
};

result<audit_options> to_options(const list_arguments& asked) {
  audit_options options;
  options.limit = asked.limit;
  if (!asked.operation.empty())
    options.operation = asked.operation;
  if (!asked.outcome.empty())
    options.outcome = asked.outcome;
  if (!asked.principal.empty())
    options.principal = asked.principal;
  if (!asked.cursor.empty())
    options.cursor = asked.cursor;
  if (!asked.since.empty()) {
    // "2h" means two hours ago here.
    auto span = parse_duration(asked.since);
    auto at = span ? result<timestamp>{timestamp{
                system_clock()->now().milliseconds - span->count()}}
                   : parse_rfc3339(asked.since);
    if (at.has_error())
      return error{errc::invalid_argument,
                   "--since is a time like 2027-01-31T12:00:00Z, or how long "
                   "ago, like 90s, 10m, 12h or 30d"};
    options.since = *at;
  }
  return options;
}

/// Without an API key the operator looks at the node's own chain.
result<audit_list> fetch(context& shared, const list_arguments& asked) {
  auto options = to_options(asked);
  if (options.has_error())
    return options.error();
  if (auto known = shared.check_identity(); known.has_error())
    return known.error();
  if (!shared.url.empty() && asked.store) {
    auto opened = shared.open_remote_operator();
    return opened ? opened->list_node_audit(*options) : opened.error();
  }
  if (!shared.url.empty()) {
    auto bound = shared.open_remote(asked.scope);
    return bound ? bound->list_audit(*options) : bound.error();
  }
  if (shared.api_key.empty() || asked.store) {
    auto opened = shared.open_runtime();
    if (opened.has_error())
      return opened.error();
    const auto& named = asked.scope.empty() ? shared.user_id : asked.scope;
    if (named.empty() || asked.store)
      return opened->list_node_audit(*options);
    auto bound = as_operator(*opened, named);
    return bound ? bound->list_audit(*options) : bound.error();
  }
  auto bound = shared.open_client(asked.scope);
  if (bound.has_error())
    return bound.error();
  return bound->list_audit(*options);
}

/// "2026-11-25 10:11:56Z".
std::string time_in_seconds(timestamp at) {
  constexpr std::size_t up_to_seconds = 19;
  auto text = to_rfc3339(at).substr(0, up_to_seconds) + 'Z';
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text;
}

exit_code run_list(context& shared, const list_arguments& asked) {
  auto list = fetch(shared, asked);
  if (list.has_error())
    return fail(list.error());
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& record : list->results) {
    rows.push_back(to_json(record));
    auto detail = record.reason;
    if (!record.child.empty())
      detail = record.child;
    else if (detail.empty() && !record.targets.empty())
      detail
        = record.targets.front().to_string()
          + (record.targets.size() > 1
               ? " and " + std::to_string(record.targets.size() - 1) + " more"
               : "");
    cells.push_back({time_in_seconds(record.at), record.principal,
                     record.operation, record.outcome,
                     record.target.empty() ? record.scope : record.target,
                     detail});
  }
  if (shared.style.json) {
    print_json(json::object{{"results", std::move(rows)},
                            {"cursor", list->cursor ? json::value(*list->cursor)
                                                    : json::value(nullptr)}});
  } else if (!shared.style.quiet) {
    print_table(
      {"TIME", "PRINCIPAL", "OPERATION", "OUTCOME", "SCOPE", "DETAIL"}, cells);
    if (list->cursor)
      std::cout << "More: --cursor " << *list->cursor << '\n';
  }
  return exit_code::done;
}

result<audit_verification> verify(const context& shared,
                                  const verify_arguments& asked) {
  busy_sign busy{"verifying", shared.style.quiet};
  if (!asked.export_file.empty())
    return verify_export(asked);
  if (!asked.public_key_file.empty())
    return error{errc::invalid_argument,
                 "--public-key is for an export; a store knows its own"};
  auto against = read_checkpoint(asked.checkpoint_file);
  if (against.has_error())
    return against.error();
  if (auto known = shared.check_identity(); known.has_error())
    return known.error();
  if (!shared.url.empty()) {
    auto bound = shared.open_remote(asked.scope);
    return bound ? bound->verify_audit(*against) : bound.error();
  }
  if (!shared.api_key.empty()) {
    auto bound = shared.open_client(asked.scope);
    return bound ? bound->verify_audit(*against) : bound.error();
  }
  auto opened = shared.open_runtime();
  if (opened.has_error())
    return opened.error();
  const auto& named = asked.scope.empty() ? shared.user_id : asked.scope;
  if (named.empty())
    return opened->verify_all(*against);
  auto bound = as_operator(*opened, named);
  return bound ? bound->verify_audit(*against) : bound.error();
}

exit_code run_verify(context& shared, const verify_arguments& asked) {
  auto report = verify(shared, asked);
  if (report.has_error())
    return fail(report.error());
  if (shared.style.json)
    print_json(json::object{
      {"entries", report->entries},
      {"chains", report->chains},
      {"pruned", report->pruned},
      {"intact", report->intact},
      {"first_broken", report->intact ? json::value(nullptr)
                                      : json::value(report->first_broken)},
      {"reason",
       report->intact ? json::value(nullptr) : json::value(report->reason)},
      {"checked_against", report->checked_against}});
  else if (report->intact)
    std::cout << "Intact: " << counted(report->entries, "entry", "entries")
              << " in " << counted(report->chains, "chain", "chains")
              << (report->pruned > 0
                    ? " (" + std::to_string(report->pruned) + " pruned)"
                    : std::string{})
              << ", checked against " << report->checked_against << ".\n";
  else
    std::cout << "BROKEN at " << report->first_broken << ": " << report->reason
              << ".\n";
  return report->intact ? exit_code::done : exit_code::corrupted;
}

} // namespace

result<client> as_operator(const runtime& opened, const std::string& name) {
  if (!name.starts_with("org_"))
    return error{errc::invalid_argument,
                 "without an API key a scope is named in full, like "
                 "org_acme/user_sarah"};
  auto organization
    = opened.existing_organization(name.substr(0, name.find('/')));
  return organization ? organization->client(name) : organization.error();
}

void add_audit_commands(CLI::App& app, context& shared) {
  auto audit = app.add_subcommand("audit", "Who did what, and when");
  audit->require_subcommand(1);

  auto list = audit->add_subcommand("list", "List entries, newest first");
  list->footer("What was refused is in the chain of the key's organization. "
               "Without an API key:\nthe operator's acts and refusals at the "
               "door, or those of a scope named in full.\nExample:\n  cloister "
               "audit list --scope user_sarah "
               "--operation memory.get --since 24h");
  auto asked = std::make_shared<list_arguments>();
  list->add_option("--scope", asked->scope, "Whose chain");
  list->add_option("--operation", asked->operation, "E.g. memory.create");
  list->add_option("--outcome", asked->outcome, "ok, forbidden, …");
  list->add_option("--principal", asked->principal, "A key's label or id");
  list->add_option("--since", asked->since, "E.g. 24h, or a time");
  list->add_option("--cursor", asked->cursor, "From the page before");
  list->add_flag("--store", asked->store,
                 "The store's own trail: the operator's acts, and refusals at "
                 "the door");
  list->add_option("--limit", asked->limit, "1 to 1000")->capture_default_str();
  list->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_list(c, *asked); };
  });

  auto verify = audit->add_subcommand(
    "verify", "Verify the chains of a scope and all below; without an API key, "
              "of the whole store");
  verify->footer("Examples:\n  cloister audit verify --json\n"
                 "  cloister audit verify --checkpoint today.checkpoint\n"
                 "  cloister audit verify --export trail.jsonl --public-key "
                 "store.pub");
  auto wanted = std::make_shared<verify_arguments>();
  verify->add_option("--scope", wanted->scope, "Where to begin");
  verify->add_option("--checkpoint", wanted->checkpoint_file,
                     "A file with a checkpoint that was kept elsewhere");
  verify->add_option("--export", wanted->export_file,
                     "Verify this export; needs no store");
  verify->add_option("--public-key", wanted->public_key_file,
                     "A file with the key that the export must be signed by");
  verify->callback([&shared, wanted] {
    shared.run = [wanted](context& c) { return run_verify(c, *wanted); };
  });
  add_audit_evidence_commands(*audit, shared);
  add_audit_prune_command(*audit, shared);
}

} // namespace cloister::cli
