// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/receipt.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

exit_code show_list(const context& shared, const scope_listing& list) {
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& found : list.scopes) {
    rows.push_back(to_json(found));
    cells.push_back({std::string{found.name.path()},
                     std::to_string(found.memories),
                     short_time(found.created_at)});
  }
  if (shared.style.json)
    print_json(json::object{{"results", std::move(rows)},
                            {"truncated", list.truncated},
                            {"unreadable", list.unreadable}});
  else if (!shared.style.quiet)
    print_table({"SCOPE", "MEMORIES", "CREATED"}, cells);
  if (list.truncated)
    std::cerr << "cloister: warning: there are more; ask below a narrower "
                 "scope with --user-id\n";
  if (list.unreadable > 0)
    std::cerr << "cloister: warning: "
              << counted(list.unreadable, "scope is", "scopes are")
              << " damaged and not listed; run `cloister doctor`\n";
  return exit_code::done;
}

exit_code run_list(context& shared) {
  return shared.with_client([&](const client& bound) {
    return show(bound.list_scopes(), [&](const scope_listing& list) {
      return show_list(shared, list);
    });
  });
}

exit_code show_scope(const context& shared, const scope_summary& shown) {
  if (shared.style.json)
    print_json(to_json(shown));
  else if (!shared.style.quiet)
    print_fields({{"scope", std::string{shown.name.path()}},
                  {"tag", shown.tag},
                  {"incarnation", std::to_string(shown.incarnation)},
                  {"created", to_rfc3339(shown.created_at)},
                  {"memories", std::to_string(shown.memories)},
                  {"bytes", std::to_string(shown.bytes)},
                  {"audit entries", std::to_string(shown.audit_entries)}});
  return exit_code::done;
}

/// Logs name scopes by tag: 32 hexadecimal digits, which no scope looks like.
bool is_tag(const std::string& name) {
  constexpr std::size_t tag_digits = 32;
  return name.size() == tag_digits
         && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

exit_code show_tagged(context& shared, const std::string& tag) {
  return shared.with_client([&](const client& bound) {
    auto own = bound.show_scope();
    if (own && own->tag == tag)
      return show_scope(shared, *own);
    return show(bound.list_scopes(), [&](const scope_listing& list) {
      for (const auto& each : list.scopes)
        if (each.tag == tag)
          return show_scope(shared, each);
      return fail({errc::not_found,
                   "no scope here has that tag; ask with a key "
                   "that reaches more"});
    });
  });
}

exit_code run_show(context& shared, const std::string& name) {
  if (is_tag(name))
    return show_tagged(shared, name);
  return show(shared.open_client(name), [&](const client& bound) {
    return show(bound.show_scope(), [&](const scope_summary& shown) {
      return show_scope(shared, shown);
    });
  });
}

exit_code run_erase(context& shared, const std::string& name, bool yes) {
  if (name.empty())
    return fail({errc::invalid_argument,
                 "name the scope to erase, e.g. cloister scope erase "
                 "user_sarah --yes"});
  if (!yes)
    return fail({errc::invalid_argument,
                 "this cannot be undone: " + name
                   + " and all below it would be gone, and the name refused; "
                     "give --yes if that is meant"});
  return show(shared.open_client(name), [&](const client& bound) {
    return show(bound.erase_scope(), [&](const erasure_receipt& receipt) {
      return show_receipt(shared, receipt);
    });
  });
}

exit_code run_reinstate(context& shared, const std::string& name) {
  return show(shared.open_client(name), [&](const client& bound) {
    auto done = bound.reinstate_scope();
    if (done.has_error())
      return fail(done.error());
    if (shared.style.json)
      print_json(json::object{{"scope", bound.bound_to().path()}});
    else if (!shared.style.quiet)
      std::cout << bound.bound_to().path()
                << " can be used again; it is empty, and old API keys of it "
                   "stay dead.\n";
    return exit_code::done;
  });
}

} // namespace

void add_scope_commands(CLI::App& app, context& shared) {
  auto group = app.add_subcommand("scope", "Scopes of an organization");
  group->require_subcommand(1);
  group->add_subcommand("list", "List all scopes below the bound one")
    ->callback([&shared] { shared.run = run_list; });
  auto show = group->add_subcommand("show", "Show one scope");
  auto name = std::make_shared<std::string>();
  show->add_option("scope", *name,
                   "E.g. user_sarah, or a tag; the bound one if absent");
  show->callback([&shared, name] {
    shared.run = [name](context& c) { return run_show(c, *name); };
  });
  auto erase = group->add_subcommand(
    "erase", "Erase a scope and all below it, for ever");
  erase->footer(
    "The key is destroyed first: nothing of it can be read from then "
    "on, also not from a\ncopy of the disk. Its name is refused "
    "afterwards. The audit trail stays, without the name.\nWith "
    "--json a signed receipt is printed.\nExample:\n  cloister scope "
    "erase user_sarah --yes --json > sarah.receipt");
  auto erased = std::make_shared<std::string>();
  auto yes = std::make_shared<bool>(false);
  erase->add_option("scope", *erased, "E.g. user_sarah")->required();
  erase->add_flag("--yes", *yes, "It is meant");
  erase->callback([&shared, erased, yes] {
    shared.run
      = [erased, yes](context& c) { return run_erase(c, *erased, *yes); };
  });
  auto list = group->add_subcommand(
    "erased", "What was erased from the store, signed; the operator's");
  list->footer("Restoring a backup asks for it, so that nothing on it comes "
               "back. It has no names.\nExample:\n  cloister scope erased "
               "--export /elsewhere/erased");
  auto to = std::make_shared<std::string>();
  list->add_option("--export", *to, "Write it to a file");
  list->callback([&shared, to] {
    shared.run = [to](context& c) { return run_erased(c, *to); };
  });
  auto reinstate = group->add_subcommand(
    "reinstate", "Let the name of a scope that was erased be used again");
  auto former = std::make_shared<std::string>();
  reinstate->add_option("scope", *former, "E.g. user_sarah")->required();
  reinstate->callback([&shared, former] {
    shared.run = [former](context& c) { return run_reinstate(c, *former); };
  });
}

} // namespace cloister::cli
