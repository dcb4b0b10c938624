// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <iostream>
#include <set>

#include <CLI/CLI.hpp>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "cli/completion.hpp"
#include "cli/context.hpp"
#include "cli/examples.hpp"
#include "core/version.hpp"

namespace {

using cloister::cli::context;
using cloister::cli::exit_code;

void add_common_options(CLI::App& app, context& shared) {
  app
    .add_option("--data", shared.data_dir,
                "The data directory of an embedded store; or CLOISTER_DATA")
    ->capture_default_str();
  app.add_option("--url", shared.url,
                 "A server to use instead, like http://127.0.0.1:7077; or "
                 "CLOISTER_URL");
  app.add_option("--api-key", shared.api_key,
                 "Who you are; or CLOISTER_API_KEY");
  app.add_option(
    "--user-id", shared.user_id,
    "Whose memories, e.g. user_sarah; the key's root if absent; or "
    "CLOISTER_USER_ID");
  app.set_config("--config", "", "A file of options, like data = \"memory\"");
  // A misspelt user-id must not mean the key's root.
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_flag("--json", shared.style.json,
               "One JSON document instead of a "
               "table");
  app.add_flag("--quiet", shared.style.quiet, "No tables and no progress");
  app.add_option("--master-key-file", shared.key.file,
                 "Where the master key is, if not in the user's "
                 "configuration folder");
  app.add_option("--master-key-command", shared.key.command,
                 "A command that prints the master key");
  app.add_flag("--allow-personal-ids", shared.allow_personal_ids,
               "Accept scope names that look like personal data");
}

/// "$UNSET" must not mean the root of a key, or a key without an end.
void refuse_empty_values(CLI::App& app) {
  const std::set<std::string> may_be_empty{"content", "query", "--content",
                                           "--label"};
  const CLI::Validator not_empty{
    [](const std::string& text) {
      return text.empty() ? std::string{"it is empty; leave it away instead"}
                          : std::string{};
    },
    "", "not empty"};
  for (auto option : app.get_options())
    if (option->get_items_expected_max() > 0
        && !may_be_empty.contains(option->get_name()))
      option->check(not_empty);
}

/// The command's own examples; CLI11 hands those of the program down.
std::string footer_of(const CLI::App& command, const std::string& path,
                      const std::string& inherited) {
  auto own = command.get_footer() == inherited ? "" : command.get_footer();
  auto example = cloister::cli::examples.find(path);
  if (own.empty() && example != cloister::cli::examples.end())
    own = "Example:\n  cloister " + std::string{example->second};
  if (!command.get_subcommands({}).empty())
    return own;
  return (own.empty() ? "" : own + "\n")
         + "Common options (see `cloister --help`): --data, --api-key, "
           "--user-id, --json,\n--quiet, --config, --url.";
}

/// Options may stand before or after any subcommand.
void finish_options(CLI::App& app, const std::string& path = {}) {
  refuse_empty_values(app);
  auto inherited = app.get_footer();
  for (auto sub : app.get_subcommands({})) {
    sub->fallthrough();
    auto name = path.empty() ? sub->get_name() : path + ' ' + sub->get_name();
    auto footer = footer_of(*sub, name, inherited);
    finish_options(*sub, name);
    sub->footer(footer);
  }
}

/// CLI11 takes an empty variable for none.
bool is_set_but_empty(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here.
  auto value = std::getenv(variable);
  return value != nullptr && *value == '\0';
}

bool is_given(const std::vector<std::string>& arguments,
              const std::string& option) {
  return std::any_of(arguments.begin(), arguments.end(), [&](const auto& each) {
    return each == option || each.starts_with(option + '=');
  });
}

/// The arguments, with options that only variables give put before them: those
/// overrule a file of options, and are overruled by what is given.
std::vector<std::string> arguments_of(int argc, char** argv) {
  std::vector<std::string> out{argv + std::min(argc, 1), argv + argc};
  const auto is_of_directory = is_given(out, "--data");
  // Only one command has it.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here.
  auto listen = std::getenv("CLOISTER_LISTEN");
  if (listen != nullptr && *listen != '\0' && !is_given(out, "--listen")
      && is_given(out, "serve"))
    out.push_back(std::string{"--listen="} + listen);
  for (const auto& [option, variable] : {std::pair{"--data", "CLOISTER_DATA"},
                                         {"--url", "CLOISTER_URL"},
                                         {"--api-key", "CLOISTER_API_KEY"},
                                         {"--user-id", "CLOISTER_USER_ID"}}) {
    // A directory that is named is meant, whatever server there is.
    auto given = is_given(out, option)
                 || (is_of_directory && std::string_view{option} == "--url");
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here.
    auto value = std::getenv(variable);
    if (!given && value != nullptr && *value != '\0')
      out.insert(out.begin(), std::string{option} + '=' + value);
  }
  // As CLI11 wants them.
  std::reverse(out.begin(), out.end());
  return out;
}

/// What is wrong is shown, but no secret that stands in it.
std::string without_keys(std::string text) {
  constexpr std::string_view start = "cloister_";
  constexpr std::string_view hidden = "cloister_…";
  constexpr std::size_t key_characters_min = 32;
  for (auto at = text.find(start); at != std::string::npos;
       at = text.find(start, at + hidden.size())) {
    auto end = at + start.size();
    while (end < text.size()
           && (std::isalnum(static_cast<unsigned char>(text[end])) != 0
               || text[end] == '_'))
      ++end;
    if (end - at >= key_characters_min)
      text.replace(at, end - at, hidden);
  }
  return text;
}

/// Tenants' plaintext must not lie in a core file.
void forbid_dumps() {
  const rlimit none{0, 0};
  static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
  static_cast<void>(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

/// "cloister memory create": the commands that were understood.
std::string command_of(const CLI::App& app) {
  auto out = app.get_name();
  for (auto at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    out += ' ' + at->get_name();
  }
  return out;
}

/// What is wrong, naming a command that there is not.
std::string explained(const CLI::App& app, const CLI::ParseError& wrong) {
  auto deepest = &app;
  while (!deepest->get_subcommands().empty())
    deepest = deepest->get_subcommands().front();
  auto wants_command = !deepest->get_subcommands({}).empty();
  if (wrong.get_exit_code() == static_cast<int>(CLI::ExitCodes::ConfigError))
    return "the file of --config has an option that there is not ("
           + std::string{wrong.what()}
           + "); they are named as on the command line, like user-id";
  if (wrong.get_exit_code() != static_cast<int>(CLI::ExitCodes::RequiredError)
      || !wants_command)
    return wrong.what();
  std::string known;
  for (auto command : deepest->get_subcommands({}))
    known += (known.empty() ? "" : ", ") + command->get_name();
  auto unknown = app.remaining(true);
  auto word = std::find_if(unknown.begin(), unknown.end(),
                           [](const auto& each) { return each[0] != '-'; });
  auto given = word != unknown.end();
  return (given ? "there is no command \"" + *word + "\"; "
                : std::string{"a command is missing; "})
         + "the commands are " + known;
}

int run(int argc, char** argv) {
  CLI::App app{"Cloister keeps the memories of agents apart: every "
               "organization, team, user,\nagent and session is a sealed scope "
               "of its own.",
               "cloister"};
  app.footer("Examples:\n"
             "  cloister init --data memory\n"
             "  cloister org create org_acme --data memory\n"
             "  export CLOISTER_DATA=memory CLOISTER_API_KEY=cloister_…\n"
             "  cloister memory create \"Prefers dark mode\" --user-id "
             "user_sarah\n"
             "  cloister memory search \"which mode\" --user-id user_sarah");
  app.require_subcommand(1);
  app.set_version_flag("--version", [] {
    return "cloister " + std::string{cloister::version_text};
  });
  context shared;
  add_common_options(app, shared);
  cloister::cli::add_store_commands(app, shared);
  cloister::cli::add_backup_commands(app, shared);
  cloister::cli::add_rotate_commands(app, shared);
  cloister::cli::add_key_commands(app, shared);
  cloister::cli::add_mcp_command(app, shared);
  cloister::cli::add_memory_commands(app, shared);
  cloister::cli::add_serve_command(app, shared);
  cloister::cli::add_session_commands(app, shared);
  cloister::cli::add_scope_commands(app, shared);
  cloister::cli::add_audit_commands(app, shared);
  cloister::cli::add_receipt_commands(app, shared);
  cloister::cli::add_bench_command(app, shared);
  cloister::cli::add_export_command(app, shared);
  cloister::cli::add_import_command(app, shared);
  cloister::cli::add_completion_command(app, shared);
  finish_options(app);
  if (argc > 1
      && std::string_view{argv[1]} == cloister::cli::complete_command) {
    cloister::cli::print_completions(app, {argv + 2, argv + argc});
    return 0;
  }
  try {
    app.parse(arguments_of(argc, argv));
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& wrong) {
    std::cerr << "cloister: invalid_argument: "
              << without_keys(explained(app, wrong)) << "; see `"
              << command_of(app) << " --help`\n";
    return static_cast<int>(exit_code::usage);
  }
  for (const auto& [given, variable] :
       {std::pair{&shared.user_id, "CLOISTER_USER_ID"},
        std::pair{&shared.api_key, "CLOISTER_API_KEY"}})
    if (given->empty() && is_set_but_empty(variable))
      shared.empty_variable = variable;
  for (const auto* variable : {"CLOISTER_DATA", "CLOISTER_MASTER_KEY_FILE"})
    if (is_set_but_empty(variable)) {
      std::cerr << "cloister: invalid_argument: " << variable
                << " is empty; unset it, or give it a value\n";
      return static_cast<int>(exit_code::usage);
    }
  const std::vector<std::string> given{argv + 1, argv + argc};
  if (is_given(given, "--data") && is_given(given, "--url")) {
    std::cerr << "cloister: invalid_argument: --data is a directory and --url "
                 "a server; give one of them\n";
    return static_cast<int>(exit_code::usage);
  }
  if (is_given(given, "--data"))
    shared.url.clear();
  auto code = shared.run(shared);
  // A script must not take a lost answer for one.
  if (!std::cout.flush()) {
    std::cerr << "cloister: unavailable: the answer could not be written to "
                 "standard output; what was asked for may have been done\n";
    return static_cast<int>(exit_code::unavailable);
  }
  return static_cast<int>(code);
}

} // namespace

int main(int argc, char** argv) {
  forbid_dumps();
  try {
    return run(argc, argv);
  } catch (const std::exception&) {
    // What an exception says may quote content.
    std::cerr << "cloister: unavailable: an internal error; nothing more was "
                 "done\n";
    return static_cast<int>(exit_code::unavailable);
  }
}
