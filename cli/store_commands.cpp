// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/busy_sign.hpp"
#include "cli/context.hpp"
#include "cli/passphrase.hpp"
#include "cli/quota_options.hpp"
#include "core/version.hpp"
#include "runtime/doctor.hpp"
#include "runtime/init.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

exit_code run_init(context& shared, bool asks_passphrase) {
  auto key = shared.key;
  if (asks_passphrase) {
    auto chosen = new_passphrase("CLOISTER_PASSPHRASE");
    if (chosen.has_error())
      return fail(chosen.error());
    key.passphrase = std::move(*chosen);
  }
  auto report = initialize({shared.data_dir, key});
  if (report.has_error())
    return fail(report.error());
  if (shared.style.json) {
    print_json(json::object{
      {"data", report->data_dir},
      {"operator_key", report->operator_key},
      {"master_key_file", report->master_key_file.empty()
                            ? json::value(nullptr)
                            : json::value(report->master_key_file)},
      {"recovery_key", report->recovery_key}});
  } else {
    std::cout << "A store was made in " << report->data_dir << ".\n\n"
              << "  master key    " << report->master_key_kept_in << '\n'
              << "  operator key  " << report->operator_key << '\n'
              << "  recovery key  " << report->recovery_key << "\n\n"
              << "Keep the operator key and the recovery key elsewhere: they "
                 "are not shown again.\nNext: cloister org create org_acme "
                 "--data "
              << report->data_dir << '\n';
  }
  if (report->made_key_file)
    std::cerr << "cloister: warning: the master key was made in "
              << report->master_key_file
              << "; if that is on the same disk as the data, whoever has the "
                 "disk has both\n";
  return exit_code::done;
}

exit_code run_org_create(context& shared, const std::string& name) {
  return shared.with_operator([&](const auto& opened) {
    auto made = opened.create_organization(name);
    if (made.has_error())
      return fail(made.error());
    if (shared.style.json)
      print_json(json::object{{"org", name}, {"api_key", made->api_key}});
    else
      std::cout << name << " was made. Its key, which is not shown again:\n\n  "
                << made->api_key << '\n';
    return exit_code::done;
  });
}

exit_code show_organizations(const context& shared,
                             const scope_listing& found) {
  const auto* list = &found;
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& org : list->scopes) {
    rows.push_back(organization_to_json(org));
    cells.push_back({std::string{org.name.path()}, short_time(org.created_at),
                     org.erased_at
                       ? "disabled, erased at " + short_time(*org.erased_at)
                       : "active"});
  }
  if (shared.style.json)
    print_json(json::object{{"results", std::move(rows)},
                            {"unreadable", list->unreadable}});
  else if (!shared.style.quiet)
    print_table({"ORGANIZATION", "CREATED", "STATE"}, cells);
  if (list->unreadable > 0)
    std::cerr << "cloister: warning: "
              << counted(list->unreadable, "organization is",
                         "organizations are")
              << " damaged and not listed; run `cloister doctor`\n";
  return exit_code::done;
}

exit_code run_org_list(context& shared) {
  return shared.with_operator([&](const auto& opened) {
    return show(opened.list_organizations(), [&](const scope_listing& found) {
      return show_organizations(shared, found);
    });
  });
}

/// What `org configure` was told, as text.
struct organization_texts {
  std::string name;
  std::optional<std::string> language;
  quota_texts limits;
};

result<organization_changes> to_changes(const organization_texts& given) {
  organization_changes out;
  if (given.language) {
    auto parsed = parse_language(*given.language);
    if (parsed.has_error())
      return parsed.error();
    out.search_language = *parsed;
  }
  auto limits = parse_quota(*given.limits);
  if (limits.has_error())
    return limits.error();
  out.limits = *limits;
  return out;
}

exit_code show_settings(const context& shared, const organization_texts& given,
                        const organization_settings& found) {
  const auto* settings = &found;
  auto chosen = to_string(settings->search_language);
  if (shared.style.json) {
    print_json(json::object{{"org", given.name},
                            {"language", chosen},
                            {"limits", to_json(settings->limits)}});
    return exit_code::done;
  }
  std::vector<std::pair<std::string, std::string>> lines{
    {"organization", given.name}, {"language", std::string{chosen}}};
  for (auto& line : quota_lines(settings->limits))
    lines.push_back(std::move(line));
  if (!shared.style.quiet)
    print_fields(lines);
  return exit_code::done;
}

exit_code run_org_configure(context& shared, const organization_texts& given) {
  auto changes = to_changes(given);
  if (changes.has_error())
    return fail(changes.error());
  auto looks_only = !given.language && given.limits->empty();
  return shared.with_operator([&](const auto& opened) {
    return show(opened.existing_organization(given.name), [&](const auto& org) {
      return show(looks_only ? org.settings() : org.configure(*changes),
                  [&](const organization_settings& settings) {
                    return show_settings(shared, given, settings);
                  });
    });
  });
}

/// Of a store that a server has open: less can be told.
exit_code show_diagnosis(const context& shared, const std::string& text) {
  boost::system::error_code failed;
  auto report = json::parse(text, failed);
  auto object = report.if_object();
  auto findings
    = failed || object == nullptr ? nullptr : object->if_contains("findings");
  if (findings == nullptr || !findings->is_array())
    return fail({errc::unavailable, "the server's answer is not understood"});
  auto healthy = object->if_contains("healthy");
  auto is_healthy = healthy != nullptr && *healthy == true;
  std::vector<std::vector<std::string>> cells;
  for (const auto& each : findings->get_array()) {
    auto text_of = [&](std::string_view name) {
      auto found
        = each.is_object() ? each.get_object().if_contains(name) : nullptr;
      return found != nullptr && found->is_string()
               ? std::string{found->get_string()}
               : std::string{};
    };
    auto advice = text_of("advice");
    cells.push_back({text_of("level"),
                     text_of("what") + (advice.empty() ? "" : "; " + advice)});
  }
  if (shared.style.json)
    std::cout << text << '\n';
  else if (!shared.style.quiet)
    print_table({"LEVEL", "FINDING"}, cells);
  return is_healthy ? exit_code::done : exit_code::corrupted;
}

exit_code run_doctor(context& shared, bool repair) {
  if (!shared.url.empty() && !repair)
    return show(shared.open_remote_operator(), [&](const auto& opened) {
      return show(opened.diagnose(), [&](const std::string& text) {
        return show_diagnosis(shared, text);
      });
    });
  if (auto local = shared.check_local(); local.has_error())
    return fail(local.error());
  auto key = with_passphrase(shared.key, shared.data_dir);
  if (key.has_error())
    return fail(key.error());
  auto report = [&] {
    busy_sign busy{repair ? "repairing" : "examining", shared.style.quiet};
    return examine({shared.data_dir, *key, repair});
  }();
  if (report.has_error())
    return fail(report.error());
  json::array findings;
  std::vector<std::vector<std::string>> cells;
  for (const auto& finding : report->findings) {
    auto level = std::string{to_string(finding.level)};
    findings.push_back(json::object{
      {"level", level}, {"what", finding.what}, {"advice", finding.advice}});
    cells.push_back(
      {level,
       finding.what + (finding.advice.empty() ? "" : "; " + finding.advice)});
  }
  if (shared.style.json)
    print_json(json::object{{"healthy", report->healthy()},
                            {"repaired", report->repaired},
                            {"scopes", report->scopes},
                            {"records", report->records},
                            {"findings", std::move(findings)}});
  else if (!shared.style.quiet)
    print_table({"LEVEL", "FINDING"}, cells);
  return report->healthy() ? exit_code::done : exit_code::corrupted;
}

exit_code run_version(context& shared) {
  if (shared.style.json)
    print_json(json::object{{"version", version_text}});
  else
    std::cout << "cloister " << version_text << '\n';
  return exit_code::done;
}

} // namespace

void add_store_commands(CLI::App& app, context& shared) {
  auto init = app.add_subcommand("init", "Create a store and its master key");
  auto passphrase = std::make_shared<bool>(false);
  init->add_flag("--passphrase", *passphrase,
                 "Make the key of a passphrase, which is asked for or in "
                 "CLOISTER_PASSPHRASE");
  init->footer(
    "The master key is kept in a file outside of the store, unless it comes "
    "of a passphrase,\nof a command or of CLOISTER_MASTER_KEY.\nExamples:\n"
    "  cloister init --data memory\n"
    "  cloister init --data memory --passphrase\n"
    "  cloister init --data memory --master-key-command 'vault kv get -field "
    "key secret/cloister'");
  init->callback([&shared, passphrase] {
    shared.run = [passphrase](context& c) { return run_init(c, *passphrase); };
  });

  auto org = app.add_subcommand("org", "Organizations; the operator's");
  org->require_subcommand(1);
  auto create = org->add_subcommand(
    "create", "Create an organization and a key with all permissions");
  auto name = std::make_shared<std::string>();
  create->add_option("name", *name, "E.g. org_acme")->required();
  create->callback([&shared, name] {
    shared.run = [name](context& c) { return run_org_create(c, *name); };
  });
  auto configure = org->add_subcommand(
    "configure", "Show or change what holds for an organization");
  configure->footer("Examples:\n  cloister org configure org_acme\n"
                    "  cloister org configure org_acme --language german\n"
                    "  cloister org configure org_acme --memories-max 100000 "
                    "--operations-per-second 200\n"
                    "  cloister org configure org_acme --memories-max none");
  auto given = std::make_shared<organization_texts>();
  configure->add_option("name", given->name, "E.g. org_acme")->required();
  std::string languages;
  for (auto each : language_names)
    languages += (languages.empty() ? "" : ", ") + std::string{each};
  configure->add_option("--language", given->language,
                        "Whose words memories are stemmed by: " + languages);
  given->limits = add_quota_options(*configure, quota_owner::organization);
  configure->callback([&shared, given] {
    shared.run = [given](context& c) { return run_org_configure(c, *given); };
  });
  add_org_end_commands(*org, shared);
  org->add_subcommand("list", "List the organizations")->callback([&shared] {
    shared.run = run_org_list;
  });

  auto doctor
    = app.add_subcommand("doctor", "Examine a store that no process has open");
  auto repair = std::make_shared<bool>(false);
  doctor->add_flag("--repair", *repair,
                   "Recover what can be verified; a copy is kept aside");
  doctor->callback([&shared, repair] {
    shared.run = [repair](context& c) { return run_doctor(c, *repair); };
  });

  app.add_subcommand("version", "Print the version")->callback([&shared] {
    shared.run = run_version;
  });
}

} // namespace cloister::cli
