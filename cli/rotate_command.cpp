// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/passphrase.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct rotate_arguments {
  rotation_options options;
  bool asks_passphrase = false;
};

void print_report(const rotation_report& done) {
  std::cout << "The store has version " << done.version
            << " of its master key, kept in " << done.kept_in
            << ". Nothing is under the former one any more.\n";
  if (done.backups.empty())
    return;
  std::cout << counted(done.backups.size(), "backup needs", "backups need")
            << " the former one";
  if (done.former_kept_in.empty())
    std::cout << ", which is no longer here: without a copy of it they cannot "
                 "be restored";
  else
    std::cout << ", which is in " << done.former_kept_in
              << ": keep it elsewhere, and remove it once they are gone";
  std::cout << ".\n";
  for (const auto& each : done.backups)
    std::cout << "  " << each.backup << "  " << short_time(each.made_at)
              << '\n';
}

/// Whether a store that has a passphrase has this one; not where a rotation
/// goes on, which may have come as far as that.
bool is_in_use(const context& shared, const std::string& passphrase) {
  std::error_code failed;
  std::filesystem::path dir{shared.data_dir};
  if (!std::filesystem::exists(dir / "passphrase", failed)
      || std::filesystem::exists(dir / "rotation", failed))
    return false;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here.
  auto former = std::getenv("CLOISTER_PASSPHRASE");
  return former && passphrase == former;
}

exit_code run_rotate(context& shared, const rotate_arguments& asked) {
  auto options = asked.options;
  if (asked.asks_passphrase) {
    auto chosen = new_passphrase("CLOISTER_NEW_PASSPHRASE");
    if (chosen.has_error())
      return fail(chosen.error());
    if (is_in_use(shared, *chosen))
      return fail({errc::invalid_argument,
                   "the new passphrase is the one there is; choose another"});
    options.next.passphrase = std::move(*chosen);
  }
  return shared.with_operator([&](const auto& opened) {
    return show(
      opened.rotate_master_key(options), [&](const rotation_report& done) {
        json::array backups;
        for (const auto& each : done.backups)
          backups.push_back(json::object{
            {"backup", each.backup}, {"made_at", to_rfc3339(each.made_at)}});
        if (shared.style.json)
          print_json(json::object{
            {"version", done.version},
            {"kept_in", done.kept_in},
            {"former_kept_in", done.former_kept_in.empty()
                                 ? json::value(nullptr)
                                 : json::value(done.former_kept_in)},
            {"backups_under_former_key", std::move(backups)}});
        else if (!shared.style.quiet)
          print_report(done);
        return exit_code::done;
      });
  });
}

} // namespace

void add_rotate_commands(CLI::App& app, context& shared) {
  auto rotate
    = app.add_subcommand("rotate", "Give the store other keys; the operator's");
  rotate->require_subcommand(1);
  auto master = rotate->add_subcommand(
    "master-key", "Give the store another master key, while it is used");
  master->footer(
    "Interrupted anywhere it goes on when the store is opened next, with "
    "either "
    "key. The former key's\nfile is destroyed, unless a backup needs it. A key "
    "that a command or a passphrase gives is\nreplaced by what is named. A new "
    "passphrase is asked for, or taken from\nCLOISTER_NEW_PASSPHRASE.\n"
    "Examples:\n  cloister rotate master-key\n"
    "  cloister rotate master-key --new-passphrase\n"
    "  cloister rotate master-key --new-master-key-command 'vault kv get "
    "-field key secret/new'");
  auto asked = std::make_shared<rotate_arguments>();
  auto file
    = master->add_option("--new-master-key-file", asked->options.next.file,
                         "Make the new one in this file");
  auto command = master->add_option("--new-master-key-command",
                                    asked->options.next.command,
                                    "A command of the shell that prints it");
  auto passphrase = master->add_flag("--new-passphrase", asked->asks_passphrase,
                                     "Make it of a passphrase");
  file->excludes(command)->excludes(passphrase);
  command->excludes(passphrase);
  master->add_flag("--destroy-former", asked->options.destroy_former,
                   "Destroy the former key's file even if backups need it");
  master->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_rotate(c, *asked); };
  });
}

} // namespace cloister::cli
