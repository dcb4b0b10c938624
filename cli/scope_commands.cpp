// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/audit_evidence.hpp"
#include "cli/context.hpp"
#include "cli/quota_options.hpp"
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
  return shared.with_client([&](const auto& bound) {
    return show(bound.list_scopes(), [&](const scope_listing& list) {
      return show_list(shared, list);
    });
  });
}

exit_code show_scope(const context& shared, const scope_summary& shown) {
  if (shared.style.json) {
    print_json(to_json_with_limits(shown));
    return exit_code::done;
  }
  if (shared.style.quiet)
    return exit_code::done;
  const auto& own = shown.limits;
  std::vector<std::pair<std::string, std::string>> lines{
    {"scope", std::string{shown.name.path()}},
    {"tag", shown.tag},
    {"incarnation", std::to_string(shown.incarnation)},
    {"created", to_rfc3339(shown.created_at)},
    {"memories", held_of(shown.memories, own.memories_max)},
    {"bytes", held_of(shown.bytes, own.bytes_max)},
    {"sessions", held_of(shown.sessions, own.sessions_max)},
    {"operations", rate_text(own)},
    {"audit entries", std::to_string(shown.audit_entries)}};
  if (const auto& all = shown.organization) {
    const auto& limits = all->limits;
    lines.insert(
      lines.end(),
      {{"of all: memories", held_of(all->memories, limits.memories_max)},
       {"of all: bytes", held_of(all->bytes, limits.bytes_max)},
       {"of all: sessions", held_of(all->sessions, limits.sessions_max)},
       {"of all: operations", rate_text(limits)}});
    if (limits.session_bytes_max)
      lines.emplace_back("bytes of a session",
                         "at most "
                           + std::to_string(*limits.session_bytes_max));
  }
  print_fields(lines);
  return exit_code::done;
}

/// Logs name scopes by tag: 32 hexadecimal digits, which no scope looks like.
bool is_tag(const std::string& name) {
  constexpr std::size_t tag_digits = 32;
  return name.size() == tag_digits
         && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

exit_code show_tagged(context& shared, const std::string& tag) {
  return shared.with_client([&](const auto& bound) {
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

/// With a key, or else as the operator.
template <class Work>
exit_code with_scope(const context& shared, const std::string& name,
                     Work work) {
  auto known = shared.check_identity();
  if (known.has_error() || !shared.api_key.empty() || !shared.url.empty()
      || name.empty())
    return shared.with_client_of(name, work);
  auto opened = shared.open_runtime();
  return show(opened ? as_operator(*opened, name) : opened.error(), work);
}

exit_code run_show(context& shared, const std::string& name) {
  if (is_tag(name))
    return show_tagged(shared, name);
  return with_scope(shared, name, [&](const auto& bound) {
    return show(bound.show_scope(), [&](const scope_summary& shown) {
      return show_scope(shared, shown);
    });
  });
}

exit_code run_configure(context& shared, const std::string& name,
                        const quota_texts& given) {
  auto changes = parse_quota(*given);
  if (changes.has_error())
    return fail(changes.error());
  if (given->empty())
    return fail({errc::invalid_argument,
                 "name a limit, e.g. --memories-max 1000; `cloister scope "
                 "show` shows those there are"});
  return with_scope(shared, name, [&](const auto& bound) {
    return show(bound.configure_scope(*changes), [&](const quota& limits) {
      auto path = std::string{bound.bound_to().path()};
      std::vector<std::pair<std::string, std::string>> lines{{"scope", path}};
      for (auto& line : quota_lines(limits))
        lines.push_back(std::move(line));
      if (shared.style.json)
        print_json(json::object{{"scope", path}, {"limits", to_json(limits)}});
      else if (!shared.style.quiet)
        print_fields(lines);
      return exit_code::done;
    });
  });
}

exit_code run_erase(context& shared, const std::string& name,
                    erase_options options, bool yes) {
  if (name.empty())
    return fail({errc::invalid_argument,
                 "name the scope to erase, e.g. cloister scope erase "
                 "user_sarah --yes"});
  if (!yes)
    return fail({errc::invalid_argument,
                 "this cannot be undone: " + name
                   + " and all below it would be gone, and the name refused; "
                     "give --yes if that is meant"});
  return shared.with_client_of(name, [&](const auto& bound) {
    return show(bound.erase_scope(options),
                [&](const erasure_receipt& receipt) {
                  return show_receipt(shared, receipt);
                });
  });
}

exit_code run_receipt(context& shared, const std::string& name) {
  return shared.with_client_of(name, [&](const auto& bound) {
    return show(bound.find_receipt(), [&](const erasure_receipt& receipt) {
      return show_receipt(shared, receipt, receipt_time::earlier);
    });
  });
}

exit_code run_reinstate(context& shared, const std::string& name) {
  return shared.with_client_of(name, [&](const auto& bound) {
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
    "--json a signed receipt is printed.\nWhat was shared from it to other "
    "scopes stays there, and the receipt counts it, unless\n"
    "--with-shared-copies is given.\nExamples:\n  cloister scope "
    "erase user_sarah --yes --json > sarah.receipt\n  cloister scope erase "
    "user_sarah --with-shared-copies --yes\n  cloister scope erase "
    "user_sarah --everywhere --yes");
  auto erased = std::make_shared<std::string>();
  auto yes = std::make_shared<bool>(false);
  erase->add_option("scope", *erased, "E.g. user_sarah")->required();
  erase->add_flag("--yes", *yes, "It is meant");
  auto everywhere = std::make_shared<bool>(false);
  erase->add_flag("--everywhere", *everywhere,
                  "Every scope with that name that the key reaches");
  auto options = std::make_shared<erase_options>();
  erase->add_flag("--with-shared-copies", options->with_shared_copies,
                  "Also what was shared from it, where the key may delete");
  erase->callback([&shared, erased, yes, everywhere, options] {
    shared.run = [erased, yes, everywhere, options](context& c) {
      return *everywhere ? erase_everywhere(c, *erased, *options, *yes)
                         : run_erase(c, *erased, *options, *yes);
    };
  });
  auto receipt = group->add_subcommand(
    "receipt", "Sign the receipt of a scope that was erased");
  receipt->footer(
    "By what the audit trail of the scope above tells: also of one that was "
    "erased by a process\nthat died, or whose receipt was lost. Wants a key "
    "with `audit` that is rooted above.\nExample:\n  cloister scope receipt "
    "user_sarah --json > sarah.receipt");
  auto gone = std::make_shared<std::string>();
  receipt->add_option("scope", *gone, "E.g. user_sarah")->required();
  receipt->callback([&shared, gone] {
    shared.run = [gone](context& c) { return run_receipt(c, *gone); };
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
  auto configure
    = group->add_subcommand("configure", "Set what one scope may not exceed");
  configure->footer(
    "By the operator, or with an admin key that is rooted above the scope.\n"
    "Examples:\n  cloister scope configure user_sarah --memories-max 1000\n"
    "  cloister scope configure user_sarah --operations-per-second none");
  auto limited = std::make_shared<std::string>();
  configure->add_option("scope", *limited, "E.g. user_sarah")->required();
  auto limits = add_quota_options(*configure, quota_owner::scope);
  configure->callback([&shared, limited, limits] {
    shared.run = [limited, limits](context& c) {
      return run_configure(c, *limited, limits);
    };
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
