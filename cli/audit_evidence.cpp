// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/audit_evidence.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include <boost/json.hpp>

#include "cli/busy_sign.hpp"
#include "cli/interruption.hpp"
#include "cli/output_file.hpp"
#include "cli/receipt.hpp"
#include "core/rfc3339.hpp"
#include "runtime/checkpoint_command.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

/// Asks either one scope or, for an operator who names none, all of them.
template <class OfScope, class OfAll>
auto ask(const context& shared, const std::string& scope_name, OfScope of_scope,
         OfAll of_all) -> decltype(of_all(std::declval<const runtime&>())) {
  if (auto known = shared.check_identity(); known.has_error())
    return known.error();
  if (!shared.url.empty()) {
    auto bound = shared.open_remote(scope_name);
    if (bound.has_error())
      return bound.error();
    return of_scope(*bound);
  }
  if (!shared.api_key.empty()) {
    auto bound = shared.open_client(scope_name);
    if (bound.has_error())
      return bound.error();
    return of_scope(*bound);
  }
  auto opened = shared.open_runtime();
  if (opened.has_error())
    return opened.error();
  const auto& named = scope_name.empty() ? shared.user_id : scope_name;
  if (named.empty())
    return of_all(*opened);
  auto bound = as_operator(*opened, named);
  if (bound.has_error())
    return bound.error();
  return of_scope(*bound);
}

result<std::string> read_file(const std::string& path) {
  std::ifstream file{path};
  if (!file)
    return error{errc::not_found, path + " cannot be read"};
  return std::string{std::istreambuf_iterator<char>{file}, {}};
}

struct checkpoint_arguments {
  std::string scope;
  std::string command;
  std::string every;
};

result<audit_checkpoint> make_one(const context& shared,
                                  const std::string& scope_name) {
  return ask(
    shared, scope_name,
    [](const auto& bound) { return bound.make_checkpoint(); },
    [](const runtime& opened) { return opened.make_checkpoint(); });
}

/// The store is held only while the checkpoint is made: others may use it while
/// the command runs, and until the next one is due.
result<void> ship_one(const context& shared,
                      const checkpoint_arguments& asked) {
  auto made = make_one(shared, asked.scope);
  if (made.has_error())
    return made.error();
  auto done
    = give_to_command(asked.command, to_json_text(*made) + "\n",
                      {checkpoint_command_time_max, interruption::has_come});
  if (done.has_error())
    return error{done.error().code,
                 "the checkpoint command failed: " + done.error().detail};
  if (shared.style.json)
    print_json(json::object{{"made_at", to_rfc3339(made->made_at)},
                            {"chains", made->chains.size()}});
  else if (!shared.style.quiet)
    std::cout << "Shipped: the ends of "
              << counted(made->chains.size(), "chain", "chains") << " by "
              << to_rfc3339(made->made_at) << ".\n"
              << std::flush;
  return {};
}

/// False if it was interrupted.
bool wait_for_next(std::chrono::milliseconds interval) {
  constexpr std::chrono::milliseconds look_interval{50};
  auto until = std::chrono::steady_clock::now() + interval;
  while (!interruption::has_come() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(look_interval);
  return !interruption::has_come();
}

exit_code ship_every(const context& shared, const checkpoint_arguments& asked,
                     std::chrono::milliseconds interval) {
  do {
    auto done = ship_one(shared, asked);
    // A store in use, or a network that is away, is met again later.
    if (done.has_error() && !interruption::has_come())
      print_error(done.error());
  } while (wait_for_next(interval));
  return exit_code::done;
}

exit_code run_checkpoint(context& shared, const checkpoint_arguments& asked) {
  if (asked.command.empty() && !asked.every.empty())
    return fail({errc::invalid_argument,
                 "--every goes with --checkpoint-command, which says where "
                 "checkpoints go"});
  if (asked.command.empty()) {
    auto made = make_one(shared, asked.scope);
    if (made.has_error())
      return fail(made.error());
    std::cout << to_json_text(*made) << '\n';
    return exit_code::done;
  }
  interruption watched;
  if (!asked.every.empty()) {
    auto interval = parse_duration(asked.every);
    return interval ? ship_every(shared, asked, *interval)
                    : fail(interval.error());
  }
  auto done = ship_one(shared, asked);
  return done ? exit_code::done : fail(done.error());
}

exit_code run_export(context& shared, const std::string& scope_name,
                     const std::string& path) {
  output_file out{path};
  if (auto opened = out.open(); opened.has_error())
    return fail(opened.error());
  interruption watched;
  result<void> written;
  audit_line_sink sink = [&](const std::string& line) {
    if (interruption::has_come())
      written = error{errc::unavailable, "interrupted; nothing was exported"};
    else
      written = out.write(line);
    return written.has_value();
  };
  std::optional<busy_sign> busy;
  busy.emplace("exporting", shared.style.quiet);
  auto done = ask(
    shared, scope_name,
    [&](const auto& bound) { return bound.export_audit(sink); },
    [&](const runtime& opened) { return opened.export_audit(sink); });
  busy.reset();
  if (written.has_error())
    return fail(written.error());
  if (done.has_error())
    return fail(done.error());
  if (auto finished = out.finish(); finished.has_error())
    return fail(finished.error());
  auto& told = path == "-" ? std::cerr : std::cout;
  if (shared.style.json && path != "-")
    print_json(
      json::object{{"entries", done->entries}, {"chains", done->chains}});
  else if (!shared.style.quiet)
    told << counted(done->entries, "entry", "entries") << " of "
         << counted(done->chains, "chain", "chains") << " exported.\n";
  return exit_code::done;
}

} // namespace

result<std::optional<audit_checkpoint>>
read_checkpoint(const std::string& path) {
  if (path.empty())
    return std::optional<audit_checkpoint>{};
  auto text = read_file(path);
  if (text.has_error())
    return text.error();
  auto out = parse_audit_checkpoint(*text);
  if (out.has_error())
    return out.error();
  return std::optional{std::move(*out)};
}

result<audit_verification> verify_export(const verify_arguments& asked) {
  auto against = read_checkpoint(asked.checkpoint_file);
  if (against.has_error())
    return against.error();
  std::optional<std::string> key;
  if (!asked.public_key_file.empty()) {
    auto text = read_public_key(asked.public_key_file);
    if (text.has_error())
      return text.error();
    key = *text;
  }
  std::ifstream file{asked.export_file};
  if (!file)
    return error{errc::not_found, asked.export_file + " cannot be read"};
  auto next = [&]() -> std::optional<std::string> {
    std::string line;
    if (!std::getline(file, line))
      return std::nullopt;
    return line;
  };
  return verify_audit_export(next, key, *against);
}

void add_audit_evidence_commands(CLI::App& audit, context& shared) {
  auto checkpoint = audit.add_subcommand(
    "checkpoint",
    "Print where the chains of a scope and all below end, signed; "
    "without an API key, of the whole store");
  checkpoint->footer(
    "Kept elsewhere, it proves later that nothing before it was changed, cut "
    "off or left\naway by whoever can write to the store.\nExample:\n"
    "  cloister audit checkpoint > today.checkpoint\n"
    "  cloister audit verify --checkpoint today.checkpoint\n"
    "  cloister audit checkpoint --every 5m --checkpoint-command \\\n"
    "    'ssh elsewhere tee -a checkpoints'");
  auto asked = std::make_shared<checkpoint_arguments>();
  checkpoint->add_option("--scope", asked->scope, "Where to begin");
  checkpoint->add_option("--checkpoint-command", asked->command,
                         "Give it to this command of the shell, on its "
                         "standard input, instead of printing it");
  checkpoint->add_option("--every", asked->every,
                         "And again this often, e.g. 5m, until interrupted");
  checkpoint->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_checkpoint(c, *asked); };
  });

  auto exported = audit.add_subcommand(
    "export",
    "Write the trails of a scope and all below as JSON lines; without "
    "an API key, of the whole store");
  exported->footer("The file verifies without the store: the last line is "
                   "signed.\nExample:\n  cloister audit export trail.jsonl\n"
                   "  cloister receipt key > store.pub\n"
                   "  cloister audit verify --export trail.jsonl --public-key "
                   "store.pub");
  auto path = std::make_shared<std::string>();
  auto below = std::make_shared<std::string>();
  exported->add_option("file", *path, "- for standard output")->required();
  exported->add_option("--scope", *below, "Where to begin");
  exported->callback([&shared, below, path] {
    shared.run
      = [below, path](context& c) { return run_export(c, *below, *path); };
  });
}

} // namespace cloister::cli
