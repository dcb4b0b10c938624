// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Ending organizations, and letting their names be used again.

#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/receipt.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct org_end {
  std::string name;
  bool yes = false;
  bool now = false;
  bool cancel = false;
  std::string delay = "7d";
};

exit_code show_disabled(const context& shared, const org_end& asked,
                        const organization_erasure& done) {
  auto at = to_rfc3339(done.erased_at);
  if (shared.style.json)
    print_json(json::object{
      {"org", asked.name}, {"state", "disabled"}, {"erased_at", at}});
  else if (!shared.style.quiet)
    std::cout << asked.name
              << " is disabled: nobody can use it any more. It is "
              << "erased by the first command or server that has the store "
              << "open after " << at << ".\nUntil then `cloister org erase "
              << asked.name << " --cancel` brings it back.\n";
  return exit_code::done;
}

exit_code run_cancel(context& shared, const org_end& asked) {
  return shared.with_operator([&](const auto& opened) {
    if (auto done = opened.keep_organization(asked.name); done.has_error())
      return fail(done.error());
    if (shared.style.json)
      print_json(json::object{{"org", asked.name}, {"state", "active"}});
    else if (!shared.style.quiet)
      std::cout << asked.name << " can be used again.\n";
    return exit_code::done;
  });
}

exit_code run_erase(context& shared, const org_end& asked) {
  if (asked.cancel)
    return run_cancel(shared, asked);
  if (!asked.yes)
    return fail({errc::invalid_argument,
                 asked.name + " and all that is in it would be gone"
                   + (asked.now ? " at once, for ever"
                                : " for ever once its delay is over")
                   + "; give --yes if that is meant"});
  auto delay = parse_duration(asked.delay);
  if (delay.has_error())
    return fail(delay.error());
  auto span = asked.now ? std::chrono::milliseconds{0} : *delay;
  return shared.with_operator([&](const auto& opened) {
    return show(opened.erase_organization(asked.name, span),
                [&](const organization_erasure& done) {
                  return done.receipt ? show_receipt(shared, *done.receipt)
                                      : show_disabled(shared, asked, done);
                });
  });
}

exit_code run_receipt(context& shared, const std::string& name) {
  return shared.with_operator([&](const auto& opened) {
    return show(opened.find_organization_receipt(name),
                [&](const erasure_receipt& receipt) {
                  return show_receipt(shared, receipt, receipt_time::earlier);
                });
  });
}

exit_code run_reinstate(context& shared, const std::string& name) {
  return shared.with_operator([&](const auto& opened) {
    if (auto done = opened.reinstate_organization(name); done.has_error())
      return fail(done.error());
    if (shared.style.json)
      print_json(json::object{{"org", name}});
    else if (!shared.style.quiet)
      std::cout << name << " can be made again with `cloister org create "
                << name << "`; it begins empty, and old API keys stay dead.\n";
    return exit_code::done;
  });
}

} // namespace

void add_org_end_commands(CLI::App& org, context& shared) {
  auto erase = org.add_subcommand(
    "erase", "Erase an organization with all that is in it");
  erase->footer(
    "It is disabled at once: no key of it is good for anything. It is "
    "destroyed "
    "after a delay, by\nthe first process that has the store open then; until "
    "then it can be kept after all. Its name\nis refused afterwards. With "
    "--now --json a signed receipt is printed.\nExamples:\n"
    "  cloister org erase org_acme --yes                 # in 7 days\n"
    "  cloister org erase org_acme --yes --delay 30d\n"
    "  cloister org erase org_acme --cancel              # keep it after all\n"
    "  cloister org erase org_acme --yes --now --json > acme.receipt");
  auto asked = std::make_shared<org_end>();
  erase->add_option("name", asked->name, "E.g. org_acme")->required();
  erase->add_flag("--yes", asked->yes, "It is meant");
  auto now = erase->add_flag("--now", asked->now, "Destroy it at once");
  auto delay = erase->add_option("--delay", asked->delay,
                                 "How long it can be kept after all");
  auto cancel
    = erase->add_flag("--cancel", asked->cancel, "Keep one that is disabled");
  delay->excludes(now);
  cancel->excludes(now)->excludes(delay);
  erase->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_erase(c, *asked); };
  });
  auto receipt
    = org.add_subcommand("receipt", "Sign the receipt of one that was erased");
  receipt->footer("Also of one whose delay was over while nobody looked.\n"
                  "Example:\n  cloister org receipt org_acme --json");
  auto gone = std::make_shared<std::string>();
  receipt->add_option("name", *gone, "E.g. org_acme")->required();
  receipt->callback([&shared, gone] {
    shared.run = [gone](context& c) { return run_receipt(c, *gone); };
  });
  auto reinstate = org.add_subcommand(
    "reinstate", "Let the name of one that was erased be used again");
  auto former = std::make_shared<std::string>();
  reinstate->add_option("name", *former, "E.g. org_acme")->required();
  reinstate->callback([&shared, former] {
    shared.run = [former](context& c) { return run_reinstate(c, *former); };
  });
}

} // namespace cloister::cli
