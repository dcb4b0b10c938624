// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/passphrase.hpp"
#include "cli/progress_bar.hpp"
#include "core/rfc3339.hpp"
#include "runtime/backup.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct restore_arguments {
  std::string file;
  std::string keys;
  std::string erased;
  bool no_list = false;
  std::string recovery_key_file;
};

backup_watcher shown_by(progress_bar& bar) {
  return [&bar](const backup_progress& at) {
    bar.show(at.records, counted(at.records, "record", "records"));
    return true;
  };
}

exit_code run_backup(context& shared, const std::string& file) {
  return shared.with_operator([&](const auto& opened) {
    auto made = [&] {
      progress_bar bar{"backing up", 0, shared.style.quiet};
      return opened.back_up(file, shown_by(bar));
    }();
    return show(std::move(made), [&](const backup_summary& done) {
      if (shared.style.json)
        print_json(to_json(done, file));
      else if (!shared.style.quiet)
        std::cout << file << " has "
                  << counted(done.records, "record", "records") << ", and "
                  << file << ".keys what opens them.\n"
                  << "Restoring needs both, the recovery key, and version "
                  << done.master_version
                  << " of the master key. Export the erasure list beside it, "
                     "again after each erasure:\n  cloister scope erased "
                     "--export FILE\n";
      return exit_code::done;
    });
  });
}

/// From a file, the variable, or the terminal.
result<std::string> find_recovery_key(const std::string& file) {
  if (!file.empty()) {
    std::ifstream in{file};
    std::string text;
    if (!std::getline(in, text))
      return error{errc::not_found, file + " cannot be read, or is empty"};
    return text;
  }
  // Read before there are threads; nobody changes the environment.
  auto value
    = std::getenv("CLOISTER_RECOVERY_KEY"); // NOLINT(concurrency-mt-unsafe)
  if (value != nullptr && *value != '\0')
    return std::string{value};
  auto asked = ask_passphrase("Recovery key: ");
  if (asked)
    return asked;
  return error{errc::invalid_argument,
               "restoring needs the recovery key that `cloister init` showed; "
               "give it with CLOISTER_RECOVERY_KEY or --recovery-key-file"};
}

result<std::optional<erasure_list>> read_list(const std::string& path) {
  if (path.empty())
    return std::optional<erasure_list>{};
  std::ifstream in{path};
  if (!in)
    return error{errc::not_found, path + " cannot be read"};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  auto list = parse_erasure_list(text);
  if (list.has_error())
    return list.error();
  return std::optional{std::move(*list)};
}

exit_code show_restored(const context& shared, const restore_report& done,
                        const std::string& list_time) {
  if (shared.style.json) {
    print_json(json::object{{"data", shared.data_dir},
                            {"backup", done.backup.backup},
                            {"store", done.backup.store},
                            {"made_at", to_rfc3339(done.backup.made_at)},
                            {"records", done.backup.records},
                            {"erased_again", done.erased_again},
                            {"names_refused", done.names_refused},
                            {"sessions_ended", done.sessions_ended},
                            {"erasures_until", list_time.empty()
                                                 ? json::value(nullptr)
                                                 : json::value(list_time)}});
  } else if (!shared.style.quiet) {
    std::cout << shared.data_dir << " has the store as it was at "
              << to_rfc3339(done.backup.made_at) << ", and it verifies.\n";
    print_fields(
      {{"records", std::to_string(done.backup.records)},
       {"erased again", std::to_string(done.erased_again)},
       {"names refused", std::to_string(done.names_refused)},
       {"sessions ended", std::to_string(done.sessions_ended)},
       {"erasures until", list_time.empty()
                            ? "none; what was erased since has come back"
                            : list_time}});
  }
  return exit_code::done;
}

exit_code run_restore(context& shared, const restore_arguments& asked) {
  restore_options options;
  options.file = asked.file;
  options.keys_file = asked.keys;
  options.data_dir = shared.data_dir;
  options.key = shared.key;
  options.without_erasure_list = asked.no_list;
  auto list = read_list(asked.erased);
  if (list.has_error())
    return fail(list.error());
  options.erased = std::move(*list);
  auto recovery = find_recovery_key(asked.recovery_key_file);
  if (recovery.has_error())
    return fail(recovery.error());
  options.recovery_key = std::move(*recovery);
  auto done = [&] {
    progress_bar bar{"restoring", 0, shared.style.quiet};
    options.watch = shown_by(bar);
    return restore_backup(options);
  }();
  return show(std::move(done), [&](const restore_report& report) {
    return show_restored(shared, report,
                         options.erased ? to_rfc3339(options.erased->made_at)
                                        : std::string{});
  });
}

} // namespace

void add_backup_commands(CLI::App& app, context& shared) {
  auto backup = app.add_subcommand(
    "backup", "Write a backup while the store is used; the operator's");
  backup->footer(
    "FILE has the records and FILE.keys what opens them, both sealed to the "
    "recovery key that `init`\nshowed. Restoring needs both, the recovery key "
    "and the master key.\nExamples:\n  cloister backup /elsewhere/monday\n  "
    "cloister scope erased --export /elsewhere/erased");
  auto file = std::make_shared<std::string>();
  backup->add_option("file", *file, "Where to write it; must not be there")
    ->required();
  backup->callback([&shared, file] {
    shared.run = [file](context& c) { return run_backup(c, *file); };
  });
  auto restore = app.add_subcommand(
    "restore", "Make a store of a backup, in a new directory");
  restore->footer(
    "The store is proven, what was erased since is erased again, and its "
    "sessions end, before it is\nput in its place. API keys that were revoked "
    "since are good again: revoke them again.\nExamples:\n"
    "  export CLOISTER_RECOVERY_KEY=cloister_recovery_…\n"
    "  cloister restore /elsewhere/monday --erased /elsewhere/erased --data "
    "memory");
  auto asked = std::make_shared<restore_arguments>();
  restore->add_option("file", asked->file, "As `cloister backup` wrote it")
    ->required();
  restore->add_option("--keys", asked->keys,
                      "The file of its keys; FILE.keys if absent");
  auto erased = restore->add_option(
    "--erased", asked->erased, "As `cloister scope erased --export` wrote it");
  restore
    ->add_flag("--no-erasure-list", asked->no_list,
               "What was erased since comes back; this is audited")
    ->excludes(erased);
  restore->add_option("--recovery-key-file", asked->recovery_key_file,
                      "A file that has it; else CLOISTER_RECOVERY_KEY");
  restore->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_restore(c, *asked); };
  });
}

} // namespace cloister::cli
