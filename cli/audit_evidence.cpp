// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/audit_evidence.hpp"

#include <fstream>
#include <iostream>
#include <iterator>

#include <boost/json.hpp>

#include "cli/busy_sign.hpp"
#include "cli/interruption.hpp"
#include "cli/output_file.hpp"
#include "cli/receipt.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

/// Asks either one scope or, for an operator who names none, all of them.
template <class OfScope, class OfAll>
auto ask(const context& shared, const std::string& scope_name, OfScope of_scope,
         OfAll of_all) -> decltype(of_all(std::declval<const runtime&>())) {
  if (auto known = shared.check_identity(); known.has_error())
    return known.error();
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

exit_code run_checkpoint(context& shared, const std::string& scope_name) {
  auto made = ask(
    shared, scope_name,
    [](const client& bound) { return bound.make_checkpoint(); },
    [](const runtime& opened) { return opened.make_checkpoint(); });
  if (made.has_error())
    return fail(made.error());
  std::cout << to_json_text(*made) << '\n';
  return exit_code::done;
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
    [&](const client& bound) { return bound.export_audit(sink); },
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
    "  cloister audit verify --checkpoint today.checkpoint");
  auto scope_name = std::make_shared<std::string>();
  checkpoint->add_option("--scope", *scope_name, "Where to begin");
  checkpoint->callback([&shared, scope_name] {
    shared.run
      = [scope_name](context& c) { return run_checkpoint(c, *scope_name); };
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
