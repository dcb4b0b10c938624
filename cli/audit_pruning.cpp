// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/audit_evidence.hpp"
#include "cli/busy_sign.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct prune_arguments {
  std::string scope;
  std::string before;
  std::string keep;
};

/// What is older goes.
result<timestamp> oldest_kept(const prune_arguments& asked) {
  if (asked.before.empty() == asked.keep.empty())
    return error{errc::invalid_argument,
                 "give either --before, a time like 2027-01-31T12:00:00Z, or "
                 "--keep, a duration like 90d"};
  if (!asked.before.empty())
    return parse_rfc3339(asked.before);
  auto span = parse_duration(asked.keep);
  if (span.has_error())
    return span.error();
  return timestamp{system_clock()->now().milliseconds - span->count()};
}

/// The operator's, whatever key is set.
exit_code run_prune(context& shared, const prune_arguments& asked) {
  auto before = oldest_kept(asked);
  if (before.has_error())
    return fail(before.error());
  return shared.with_operator([&](const auto& opened) {
    std::optional<busy_sign> busy;
    busy.emplace("pruning", shared.style.quiet);
    auto done = opened.prune_audit(asked.scope, *before);
    busy.reset();
    if (done.has_error())
      return fail(done.error());
    if (shared.style.json)
      print_json(
        json::object{{"entries", done->entries}, {"chains", done->chains}});
    else if (!shared.style.quiet)
      std::cout << counted(done->entries, "entry", "entries") << " of "
                << counted(done->chains, "chain", "chains") << " pruned.\n";
    return exit_code::done;
  });
}

} // namespace

void add_audit_prune_command(CLI::App& audit, context& shared) {
  auto prune = audit.add_subcommand(
    "prune", "Remove old entries of one scope's trail for good; without "
             "--scope, of the store's own");
  prune->footer(
    "The operator's; a scope is named in full. A signed stub stands for what "
    "went, and the\nrest still verifies. Trails of scopes below that were "
    "erased are pruned along.\nExample:\n  cloister audit prune --scope "
    "org_acme/user_sarah --keep 90d");
  auto asked = std::make_shared<prune_arguments>();
  prune->add_option("--scope", asked->scope, "Like org_acme/user_sarah");
  prune->add_option("--before", asked->before, "What is older than this time");
  prune->add_option("--keep", asked->keep, "What is older than this, e.g. 90d");
  prune->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_prune(c, *asked); };
  });
}

} // namespace cloister::cli
