// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"
#include "cli/memory_output.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

struct read_arguments {
  std::string query;
  std::optional<std::string> type;
  std::optional<std::string> filter;
  std::string visibility = "self";
  std::vector<std::string> scopes;
  std::optional<std::string> cursor;
  std::size_t limit = 0;
  bool oldest_first = false;
  double min_score = 0;
};

exit_code show_hits(const context& shared, const search_results& found) {
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& hit : found.results) {
    auto row = to_json(hit.memory, hit.where);
    row["score"] = hit.score;
    rows.push_back(std::move(row));
    char score[16];
    std::snprintf(score, sizeof score, "%.3f", static_cast<double>(hit.score));
    cells.push_back({score, std::string{hit.where.path()},
                     hit.memory.id.to_string(), hit.memory.content});
  }
  if (shared.style.json)
    print_json(json::object{{"results", std::move(rows)}});
  else if (!shared.style.quiet)
    print_table({"SCORE", "SCOPE", "ID", "CONTENT"}, cells);
  return exit_code::done;
}

exit_code run_search(context& shared, const read_arguments& asked) {
  search_options options;
  options.query = text_of(asked.query);
  options.limit = asked.limit;
  options.min_score = asked.min_score;
  options.scopes = asked.scopes;
  options.memory_type = asked.type;
  options.filter = asked.filter;
  auto reach = parse_visibility(asked.visibility);
  if (reach.has_error())
    return fail(reach.error());
  options.reach = *reach;
  return shared.with_client([&](const auto& bound) {
    return show(bound.search_memories(std::move(options)),
                [&](const auto& found) { return show_hits(shared, found); });
  });
}

exit_code show_page(const context& shared, const memory_list& list) {
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& found : list.results) {
    rows.push_back(to_json(found.memory, found.where));
    cells.push_back({found.memory.id.to_string(), found.memory.type,
                     short_time(found.memory.updated_at),
                     std::string{found.where.path()}, found.memory.content});
  }
  if (shared.style.json) {
    print_json(json::object{{"results", std::move(rows)},
                            {"cursor", list.cursor ? json::value(*list.cursor)
                                                   : json::value(nullptr)}});
  } else if (!shared.style.quiet) {
    print_table({"ID", "TYPE", "UPDATED", "SCOPE", "CONTENT"}, cells);
    if (list.cursor)
      std::cout << "More: --cursor " << *list.cursor << '\n';
  }
  return exit_code::done;
}

exit_code run_list(context& shared, const read_arguments& asked) {
  list_options options;
  options.limit = asked.limit;
  options.scopes = asked.scopes;
  options.memory_type = asked.type;
  options.filter = asked.filter;
  options.oldest_first = asked.oldest_first;
  options.cursor = asked.cursor;
  auto reach = parse_visibility(asked.visibility);
  if (reach.has_error())
    return fail(reach.error());
  options.reach = *reach;
  return shared.with_client([&](const auto& bound) {
    return show(bound.list_memories(std::move(options)),
                [&](const auto& list) { return show_page(shared, list); });
  });
}

exit_code run_get(context& shared, const std::string& text) {
  return shared.with_memory(text, [&](const auto& bound, memory_id id) {
    return show(bound.get_memory(id), [&](const memory& found) {
      return show_memory(shared, found, bound.bound_to());
    });
  });
}

exit_code show_revisions(const context& shared,
                         const std::vector<memory>& revisions,
                         const scope& where) {
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& revision : revisions) {
    rows.push_back(to_json(revision, where));
    cells.push_back({std::to_string(revision.revision),
                     short_time(revision.updated_at), revision.author,
                     revision.content});
  }
  if (shared.style.json)
    print_json(json::object{{"results", std::move(rows)}});
  else if (!shared.style.quiet)
    print_table({"REV", "UPDATED", "AUTHOR", "CONTENT"}, cells);
  return exit_code::done;
}

exit_code run_history(context& shared, const std::string& text) {
  return shared.with_memory(text, [&](const auto& bound, memory_id id) {
    return show(bound.memory_history(id), [&](const auto& revisions) {
      return show_revisions(shared, revisions, bound.bound_to());
    });
  });
}

void add_reach_options(CLI::App& command, read_arguments& asked) {
  command.add_option("--type", asked.type, "Only this memory type");
  command.add_option("--filter", asked.filter,
                     "A condition in JSON on memory_type, metadata.PATH, key, "
                     "author, revision, created_at, updated_at, expires_at, "
                     "id or content, "
                     "with eq ne in nin gt gte lt lte exists contains, AND OR "
                     "NOT");
  command.add_option("--limit", asked.limit, "1 to 1000")
    ->capture_default_str();
  command
    .add_option("--visibility", asked.visibility,
                "self, inherited (and ancestors), or subtree (and all below; "
                "needs the permission admin)")
    ->capture_default_str();
  command
    .add_option("--scopes", asked.scopes,
                "Up to 16 scopes to read together instead, with commas")
    ->delimiter(',');
}

} // namespace

void add_memory_reads(CLI::App& memory, context& shared) {
  auto search = memory.add_subcommand("search", "Find memories by words, best "
                                                "first");
  search->footer(
    "Examples:\n  cloister memory search \"preferences\" --limit 5 "
    "--visibility inherited\n  cloister memory search invoices "
    "--filter '{\"metadata.priority\": {\"gte\": 2}}'");
  auto wanted = std::make_shared<read_arguments>();
  wanted->limit = limits::search_results_default;
  search->add_option("query", wanted->query, "Words; - for standard input")
    ->required();
  add_reach_options(*search, *wanted);
  search->add_option("--min-score", wanted->min_score, "0 to 1")
    ->check(CLI::Range(0.0, 1.0));
  search->callback([&shared, wanted] {
    shared.run = [wanted](context& c) { return run_search(c, *wanted); };
  });

  auto list = memory.add_subcommand("list", "List memories, newest first; of "
                                            "several scopes one after another");
  list->footer("Examples:\n  cloister memory list --user-id user_sarah --type "
               "preference\n  cloister memory list --filter '{\"created_at\": "
               "{\"gt\": \"2026-01-31T00:00:00Z\"}}'");
  auto paged = std::make_shared<read_arguments>();
  paged->limit = limits::page_results_default;
  add_reach_options(*list, *paged);
  list->add_flag("--oldest-first", paged->oldest_first,
                 "In the order in which they were written");
  list->add_option("--cursor", paged->cursor, "From the page before");
  list->callback([&shared, paged] {
    shared.run = [paged](context& c) { return run_list(c, *paged); };
  });

  auto id = std::make_shared<std::string>();
  auto get = memory.add_subcommand("get", "Read one memory");
  get->add_option("id", *id, "The memory's id")->required();
  get->callback([&shared, id] {
    shared.run = [id](context& c) { return run_get(c, *id); };
  });

  auto history = memory.add_subcommand("history", "All revisions, newest "
                                                  "first");
  history->add_option("id", *id, "The memory's id")->required();
  history->callback([&shared, id] {
    shared.run = [id](context& c) { return run_history(c, *id); };
  });
}

} // namespace cloister::cli
