// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/interruption.hpp"
#include "cli/output_file.hpp"
#include "cli/progress_bar.hpp"
#include "core/json_text.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct export_arguments {
  std::string path;
  std::string visibility = "subtree";
  std::optional<std::string> filter;
};

/// A line that `cloister import` reads. Scopes are named below the
/// organization, so that it may be imported into another one.
std::string line_of(const located_memory& found) {
  const auto& [value, where] = found;
  json::object out;
  auto path = where.path();
  if (auto slash = path.find('/'); slash != std::string_view::npos)
    out["user_id"] = path.substr(slash + 1);
  out["content"] = value.content;
  out["memory_type"] = value.type;
  boost::system::error_code failed;
  if (value.metadata != "{}")
    out["metadata"] = json::parse(value.metadata, failed);
  if (value.key)
    out["key"] = *value.key;
  out["created_at"] = to_rfc3339(value.created_at);
  if (value.expires_at)
    out["expires_at"] = to_rfc3339(*value.expires_at);
  return to_json_text(out);
}

/// How many memories there are, for the progress bar; 0 if that is not known.
template <class Client>
std::uint64_t count_of(const Client& bound, visibility reach) {
  auto own = bound.show_scope();
  auto total = own ? own->memories : 0;
  if (reach != visibility::subtree)
    return total;
  auto below = bound.list_scopes();
  if (below)
    for (const auto& scope : below->scopes)
      total += scope.memories;
  return total;
}

template <class Client>
result<std::uint64_t> write_all(const context& shared, const Client& bound,
                                const export_arguments& asked,
                                visibility reach) {
  output_file out{asked.path};
  if (auto opened = out.open(); opened.has_error())
    return opened.error();
  progress_bar progress{"exporting", count_of(bound, reach),
                        shared.style.quiet};
  list_options options;
  options.limit = limits::page_results_max;
  options.reach = reach;
  options.filter = asked.filter;
  options.oldest_first = true;
  std::uint64_t written = 0;
  interruption watched;
  do {
    if (interruption::has_come())
      return error{errc::unavailable, "interrupted; nothing was exported"};
    auto page = bound.list_memories(options);
    if (page.has_error())
      return page.error();
    for (const auto& found : page->results) {
      if (auto done = out.write(line_of(found)); done.has_error())
        return done.error();
      ++written;
    }
    progress.show(written, counted(written, "memory", "memories"));
    options.cursor = page->cursor;
  } while (options.cursor);
  if (auto done = out.finish(); done.has_error())
    return done.error();
  return written;
}

exit_code run_export(context& shared, const export_arguments& asked) {
  auto reach = parse_visibility(asked.visibility);
  if (reach.has_error())
    return fail(reach.error());
  return shared.with_client([&](const auto& bound) {
    return show(
      write_all(shared, bound, asked, *reach), [&](std::uint64_t written) {
        // The memories themselves have standard output.
        auto& out = asked.path == "-" ? std::cerr : std::cout;
        if (shared.style.json && asked.path != "-")
          print_json(json::object{{"exported", written}});
        else if (!shared.style.quiet)
          out << counted(written, "memory", "memories") << " exported.\n";
        return exit_code::done;
      });
  });
}

} // namespace

void add_export_command(CLI::App& app, context& shared) {
  auto command
    = app.add_subcommand("export", "Write memories to a file of JSON "
                                   "lines, the oldest first");
  command->footer(
    "Each line is one that `cloister import` reads. The file holds contents in "
    "the clear\nand is readable by its owner alone. All scopes below are "
    "exported too, which needs\nthe permission admin; --visibility self leaves "
    "them out.\nExamples:\n  cloister export acme.jsonl\n"
    "  cloister export - --user-id user_sarah --visibility self | wc -l");
  auto asked = std::make_shared<export_arguments>();
  command->add_option("file", asked->path, "- for standard output")->required();
  command->add_option("--visibility", asked->visibility, "self or subtree")
    ->check(CLI::IsMember({"self", "subtree"}))
    ->capture_default_str();
  command->add_option("--filter", asked->filter,
                      "Only memories that this condition holds for; see "
                      "`cloister memory list --help`");
  command->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_export(c, *asked); };
  });
}

} // namespace cloister::cli
