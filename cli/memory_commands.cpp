// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <fstream>
#include <iostream>
#include <iterator>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/context.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

constexpr std::string_view from_standard_input = "-";

/// An argument, or standard input for "-".
std::string text_of(const std::string& argument) {
  if (argument != from_standard_input)
    return argument;
  std::string text{std::istreambuf_iterator<char>{std::cin}, {}};
  while (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

void print_memory(const context& shared, const memory& value,
                  const scope& where) {
  if (shared.style.json) {
    print_json(to_json(value, where));
    return;
  }
  if (shared.style.quiet)
    return;
  print_table({"ID", "TYPE", "REV", "UPDATED", "CONTENT"},
              {{value.id.to_string(), value.type,
                std::to_string(value.revision), short_time(value.updated_at),
                value.content}});
}

// -- create and change ------------------------------------------------------------

struct draft_arguments {
  std::string content;
  std::string type;
  std::string metadata;
  std::string key;
  std::string expires;
  std::string idempotency_key;
};

exit_code run_create(context& shared, const draft_arguments& asked) {
  memory_draft draft;
  draft.content = text_of(asked.content);
  if (!asked.type.empty())
    draft.memory_type = asked.type;
  if (!asked.metadata.empty())
    draft.metadata = asked.metadata;
  if (!asked.key.empty())
    draft.key = asked.key;
  if (!asked.idempotency_key.empty())
    draft.idempotency_key = asked.idempotency_key;
  if (!asked.expires.empty()) {
    auto at = parse_moment(asked.expires);
    if (at.has_error())
      return fail(at.error());
    draft.expires_at = *at;
  }
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  auto made = bound->create_memory(std::move(draft));
  if (made.has_error())
    return fail(made.error());
  print_memory(shared, *made, bound->bound_to());
  return exit_code::done;
}

struct patch_arguments : draft_arguments {
  std::string id;
  std::uint32_t if_revision = 0;
};

exit_code run_update(context& shared, const patch_arguments& asked) {
  auto id = memory_id::parse(asked.id);
  if (id.has_error())
    return fail(id.error());
  memory_patch patch;
  if (!asked.content.empty())
    patch.content = text_of(asked.content);
  if (!asked.type.empty())
    patch.memory_type = asked.type;
  if (!asked.metadata.empty())
    patch.metadata = asked.metadata;
  if (asked.expires == "never") {
    patch.expires_at.emplace();
  } else if (!asked.expires.empty()) {
    auto at = parse_moment(asked.expires);
    if (at.has_error())
      return fail(at.error());
    patch.expires_at = *at;
  }
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  std::optional<std::uint32_t> revision;
  if (asked.if_revision > 0)
    revision = asked.if_revision;
  auto changed = bound->update_memory(*id, std::move(patch), revision);
  if (changed.has_error())
    return fail(changed.error());
  print_memory(shared, *changed, bound->bound_to());
  return exit_code::done;
}

// -- read -------------------------------------------------------------------------

struct read_arguments {
  std::string query;
  std::string type;
  std::string visibility = "self";
  std::vector<std::string> scopes;
  std::string cursor;
  std::size_t limit = 0;
  double min_score = 0;
};

exit_code run_get(context& shared, const std::string& text) {
  auto id = memory_id::parse(text);
  if (id.has_error())
    return fail(id.error());
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  auto found = bound->get_memory(*id);
  if (found.has_error())
    return fail(found.error());
  print_memory(shared, *found, bound->bound_to());
  return exit_code::done;
}

exit_code run_search(context& shared, const read_arguments& asked) {
  search_options options;
  options.query = text_of(asked.query);
  options.limit = asked.limit;
  options.min_score = asked.min_score;
  options.scopes = asked.scopes;
  if (!asked.type.empty())
    options.memory_type = asked.type;
  auto reach = parse_visibility(asked.visibility);
  if (reach.has_error())
    return fail(reach.error());
  options.reach = *reach;
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  auto found = bound->search_memories(std::move(options));
  if (found.has_error())
    return fail(found.error());
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& hit : found->results) {
    auto row = to_json(hit.memory, hit.where);
    row["score"] = hit.score;
    rows.push_back(std::move(row));
    char score[16];
    std::snprintf(score, sizeof score, "%.3f",
                  static_cast<double>(hit.score));
    cells.push_back({score, std::string{hit.where.path()},
                     hit.memory.id.to_string(), hit.memory.content});
  }
  if (shared.style.json)
    print_json(json::object{{"results", std::move(rows)}});
  else if (!shared.style.quiet)
    print_table({"SCORE", "SCOPE", "ID", "CONTENT"}, cells);
  return exit_code::done;
}

exit_code run_list(context& shared, const read_arguments& asked) {
  list_options options;
  options.limit = asked.limit;
  options.scopes = asked.scopes;
  if (!asked.type.empty())
    options.memory_type = asked.type;
  if (!asked.cursor.empty())
    options.cursor = asked.cursor;
  auto reach = parse_visibility(asked.visibility);
  if (reach.has_error())
    return fail(reach.error());
  options.reach = *reach;
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  auto list = bound->list_memories(std::move(options));
  if (list.has_error())
    return fail(list.error());
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& found : list->results) {
    rows.push_back(to_json(found.memory, found.where));
    cells.push_back({found.memory.id.to_string(), found.memory.type,
                     short_time(found.memory.updated_at),
                     std::string{found.where.path()}, found.memory.content});
  }
  if (shared.style.json) {
    print_json(json::object{
      {"results", std::move(rows)},
      {"cursor",
       list->cursor ? json::value(*list->cursor) : json::value(nullptr)}});
  } else if (!shared.style.quiet) {
    print_table({"ID", "TYPE", "UPDATED", "SCOPE", "CONTENT"}, cells);
    if (list->cursor)
      std::cout << "More: --cursor " << *list->cursor << '\n';
  }
  return exit_code::done;
}

exit_code run_history(context& shared, const std::string& text) {
  auto id = memory_id::parse(text);
  if (id.has_error())
    return fail(id.error());
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  auto revisions = bound->memory_history(*id);
  if (revisions.has_error())
    return fail(revisions.error());
  json::array rows;
  std::vector<std::vector<std::string>> cells;
  for (const auto& revision : *revisions) {
    rows.push_back(to_json(revision, bound->bound_to()));
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

exit_code run_restore(context& shared, const std::string& text,
                      std::uint32_t revision) {
  auto id = memory_id::parse(text);
  if (id.has_error())
    return fail(id.error());
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  auto restored = bound->restore_memory(*id, revision);
  if (restored.has_error())
    return fail(restored.error());
  print_memory(shared, *restored, bound->bound_to());
  return exit_code::done;
}

exit_code run_share(context& shared, const std::string& text,
                    const std::string& to) {
  auto id = memory_id::parse(text);
  if (id.has_error())
    return fail(id.error());
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  auto copy = bound->share_memory(*id, to);
  if (copy.has_error())
    return fail(copy.error());
  print_memory(shared, copy->memory, copy->where);
  return exit_code::done;
}

// -- delete -----------------------------------------------------------------------

exit_code print_deleted(const context& shared, std::uint64_t count) {
  if (shared.style.json)
    print_json(json::object{{"deleted", count}});
  else if (!shared.style.quiet)
    std::cout << count << (count == 1 ? " memory" : " memories")
              << " deleted.\n";
  return exit_code::done;
}

exit_code run_delete(context& shared, const std::string& text,
                     std::uint32_t if_revision) {
  auto id = memory_id::parse(text);
  if (id.has_error())
    return fail(id.error());
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  std::optional<std::uint32_t> revision;
  if (if_revision > 0)
    revision = if_revision;
  auto done = bound->delete_memory(*id, revision);
  if (done.has_error())
    return fail(done.error());
  return print_deleted(shared, 1);
}

exit_code run_delete_all(context& shared, const std::string& confirm) {
  auto bound = shared.open_client();
  if (bound.has_error())
    return fail(bound.error());
  auto path = bound->bound_to().path();
  auto means_it = confirm == path || confirm == bound->bound_to().name()
                  || (!shared.user_id.empty() && confirm == shared.user_id);
  if (!means_it)
    return fail({errc::invalid_argument,
                 "--confirm must name the bound scope: --confirm "
                   + std::string{bound->bound_to().name()}});
  auto count = bound->delete_all_memories();
  if (count.has_error())
    return fail(count.error());
  return print_deleted(shared, *count);
}

// -- parsing ----------------------------------------------------------------------

void add_draft_options(CLI::App& command, draft_arguments& asked) {
  command.add_option("--type", asked.type, "E.g. fact, preference, policy");
  command.add_option("--metadata", asked.metadata, "A JSON object");
  command.add_option("--expires", asked.expires, "E.g. 30d, or a time");
}

void add_create(CLI::App& memory, context& shared) {
  auto create = memory.add_subcommand("create", "Store a memory");
  create->footer("Example:\n  cloister memory create \"Prefers dark mode\" "
                 "--type preference --metadata '{\"a\":1}'");
  auto asked = std::make_shared<draft_arguments>();
  create
    ->add_option("content", asked->content, "What to remember; - reads it from "
                                            "standard input")
    ->required();
  add_draft_options(*create, *asked);
  create->add_option("--key", asked->key,
                     "Unique in the scope: a second create replaces the first");
  create->add_option("--idempotency-key", asked->idempotency_key,
                     "Makes repeating this command harmless for 24 hours");
  create->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_create(c, *asked); };
  });
}

void add_update(CLI::App& memory, context& shared) {
  auto update = memory.add_subcommand("update", "Change a memory; what it was "
                                                "stays in its history");
  auto asked = std::make_shared<patch_arguments>();
  update->add_option("id", asked->id, "The memory's id")->required();
  update->add_option("--content", asked->content, "- for standard input");
  add_draft_options(*update, *asked);
  update->add_option("--if-revision", asked->if_revision,
                     "Only if this is the newest revision");
  update->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_update(c, *asked); };
  });
}

void add_reach_options(CLI::App& command, read_arguments& asked) {
  command.add_option("--type", asked.type, "Only this memory type");
  command.add_option("--limit", asked.limit, "1 to 1000")
    ->capture_default_str();
  command
    .add_option("--visibility", asked.visibility,
                "self, inherited (and ancestors), or subtree (and all below)")
    ->capture_default_str();
  command
    .add_option("--scopes", asked.scopes,
                "Up to 16 scopes to read together instead, with commas")
    ->delimiter(',');
}

void add_reads(CLI::App& memory, context& shared) {
  auto search = memory.add_subcommand("search", "Find memories by words, best "
                                                "first");
  search->footer("Example:\n  cloister memory search \"preferences\" --limit 5 "
                 "--visibility inherited");
  auto wanted = std::make_shared<read_arguments>();
  wanted->limit = limits::search_results_default;
  search->add_option("query", wanted->query, "Words; - for standard input")
    ->required();
  add_reach_options(*search, *wanted);
  search->add_option("--min-score", wanted->min_score, "0 to 1");
  search->callback([&shared, wanted] {
    shared.run = [wanted](context& c) { return run_search(c, *wanted); };
  });

  auto list = memory.add_subcommand("list", "List memories, newest first");
  auto paged = std::make_shared<read_arguments>();
  paged->limit = limits::page_results_default;
  add_reach_options(*list, *paged);
  list->add_option("--cursor", paged->cursor, "From the page before");
  list->callback([&shared, paged] {
    shared.run = [paged](context& c) { return run_list(c, *paged); };
  });
}

void add_by_id(CLI::App& memory, context& shared) {
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

  auto revision = std::make_shared<std::uint32_t>(0);
  auto restore = memory.add_subcommand("restore", "Make an old revision the "
                                                  "newest");
  restore->add_option("id", *id, "The memory's id")->required();
  restore->add_option("--revision", *revision, "Which one")->required();
  restore->callback([&shared, id, revision] {
    shared.run = [id, revision](context& c) {
      return run_restore(c, *id, *revision);
    };
  });

  auto to = std::make_shared<std::string>();
  auto share = memory.add_subcommand("share", "Copy a memory to another scope");
  share->add_option("id", *id, "The memory's id")->required();
  share->add_option("--to", *to, "E.g. team_eng")->required();
  share->callback([&shared, id, to] {
    shared.run = [id, to](context& c) { return run_share(c, *id, *to); };
  });

  auto if_revision = std::make_shared<std::uint32_t>(0);
  auto remove = memory.add_subcommand("delete", "Delete a memory and its "
                                                "history");
  remove->add_option("id", *id, "The memory's id")->required();
  remove->add_option("--if-revision", *if_revision,
                     "Only if this is the newest revision");
  remove->callback([&shared, id, if_revision] {
    shared.run = [id, if_revision](context& c) {
      return run_delete(c, *id, *if_revision);
    };
  });
}

} // namespace

void add_memory_commands(CLI::App& app, context& shared) {
  auto memory = app.add_subcommand("memory", "Memories of the bound scope");
  memory->require_subcommand(1);
  add_create(*memory, shared);
  add_update(*memory, shared);
  add_reads(*memory, shared);
  add_by_id(*memory, shared);
  auto confirm = std::make_shared<std::string>();
  auto all = memory->add_subcommand("delete-all", "Delete all memories of the "
                                                  "bound scope");
  all->add_option("--confirm", *confirm, "The bound scope, e.g. user_sarah")
    ->required();
  all->callback([&shared, confirm] {
    shared.run = [confirm](context& c) { return run_delete_all(c, *confirm); };
  });
}

} // namespace cloister::cli
