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

// What is not given stays empty; what is given as "" is refused by the runtime
// rather than taken for not given.

struct draft_arguments {
  std::optional<std::string> content;
  std::optional<std::string> type;
  std::optional<std::string> metadata;
  std::optional<std::string> key;
  std::optional<std::string> expires;
  std::optional<std::string> idempotency_key;
};

exit_code run_create(context& shared, const draft_arguments& asked) {
  memory_draft draft;
  draft.content = text_of(*asked.content);
  if (asked.type)
    draft.memory_type = *asked.type;
  if (asked.metadata)
    draft.metadata = not_blank(*asked.metadata);
  draft.key = asked.key;
  draft.idempotency_key = asked.idempotency_key;
  if (asked.expires) {
    auto at = parse_moment(*asked.expires);
    if (at.has_error())
      return fail(at.error());
    draft.expires_at = *at;
  }
  return shared.with_client([&](const auto& bound) {
    return show(bound.create_memory(std::move(draft)), [&](const memory& made) {
      return show_memory(shared, made, bound.bound_to());
    });
  });
}

struct patch_arguments : draft_arguments {
  std::string id;
  std::optional<std::uint32_t> if_revision;
};

exit_code run_update(context& shared, const patch_arguments& asked) {
  memory_patch patch;
  if (asked.content)
    patch.content = text_of(*asked.content);
  patch.memory_type = asked.type;
  if (asked.metadata)
    patch.metadata = not_blank(*asked.metadata);
  if (asked.expires == "never") {
    patch.expires_at.emplace();
  } else if (asked.expires) {
    auto at = parse_moment(*asked.expires);
    if (at.has_error())
      return fail(at.error());
    patch.expires_at = *at;
  }
  if (!asked.content && !asked.type && !asked.metadata && !asked.expires)
    return fail({errc::invalid_argument,
                 "there is nothing to change; give --content, --type, "
                 "--metadata or --expires"});
  return shared.with_memory(asked.id, [&](const auto& bound, memory_id id) {
    return show(bound.update_memory(id, std::move(patch), asked.if_revision),
                [&](const memory& changed) {
                  return show_memory(shared, changed, bound.bound_to());
                });
  });
}

exit_code run_restore(context& shared, const std::string& text,
                      std::uint32_t revision) {
  return shared.with_memory(text, [&](const auto& bound, memory_id id) {
    return show(bound.restore_memory(id, revision),
                [&](const memory& restored) {
                  return show_memory(shared, restored, bound.bound_to());
                });
  });
}

exit_code show_promoted(const context& shared,
                        const std::vector<located_memory>& moved) {
  if (shared.style.json) {
    boost::json::array rows;
    for (const auto& each : moved)
      rows.push_back(to_json(each.memory, each.where));
    print_json(boost::json::object{{"results", std::move(rows)}});
  } else if (!shared.style.quiet) {
    for (const auto& each : moved)
      std::cout << each.memory.id.to_string() << ' ' << each.where.path()
                << '\n';
  }
  return exit_code::done;
}

exit_code run_share(context& shared, const std::string& text,
                    const std::string& to) {
  return shared.with_memory(text, [&](const auto& bound, memory_id id) {
    return show(bound.share_memory(id, to), [&](const located_memory& copy) {
      return show_memory(shared, copy.memory, copy.where);
    });
  });
}

exit_code run_promote(context& shared, const std::vector<std::string>& texts,
                      const std::string& to) {
  std::vector<memory_id> ids;
  for (const auto& text : texts) {
    auto id = memory_id::parse(text);
    if (id.has_error())
      return fail(id.error());
    ids.push_back(*id);
  }
  return shared.with_client([&](const auto& bound) {
    return show(bound.promote_memories(ids, to),
                [&](const std::vector<located_memory>& moved) {
                  return show_promoted(shared, moved);
                });
  });
}

exit_code show_deleted(const context& shared, std::uint64_t count) {
  if (shared.style.json)
    print_json(json::object{{"deleted", count}});
  else if (!shared.style.quiet)
    std::cout << counted(count, "memory", "memories") << " deleted.\n";
  return exit_code::done;
}

exit_code run_delete(context& shared, const std::string& text,
                     std::optional<std::uint32_t> if_revision) {
  return shared.with_memory(text, [&](const auto& bound, memory_id id) {
    auto done = bound.delete_memory(id, if_revision);
    return done ? show_deleted(shared, 1) : fail(done.error());
  });
}

exit_code run_delete_all(context& shared, const std::string& confirm) {
  return shared.with_client([&](const auto& bound) {
    const auto& where = bound.bound_to();
    auto means_it = confirm == where.path() || confirm == where.name()
                    || (!shared.user_id.empty() && confirm == shared.user_id);
    if (!means_it)
      return fail({errc::invalid_argument,
                   "--confirm must name the bound scope: --confirm "
                     + std::string{where.name()}});
    return show(bound.delete_all_memories(), [&](std::uint64_t count) {
      return show_deleted(shared, count);
    });
  });
}

void add_draft_options(CLI::App& command, draft_arguments& asked) {
  command.add_option("--type", asked.type, "E.g. fact, preference, policy");
  command.add_option("--metadata", asked.metadata, "A JSON object");
}

void add_create(CLI::App& memory, context& shared) {
  auto create = memory.add_subcommand("create", "Store a memory");
  create->footer("Example:\n  cloister memory create \"Prefers dark mode\" "
                 "--type preference --metadata '{\"a\":1}'");
  auto asked = std::make_shared<draft_arguments>();
  create
    ->add_option("content", asked->content,
                 "What to remember; - reads it from "
                 "standard input")
    ->required();
  add_draft_options(*create, *asked);
  create->add_option("--expires", asked->expires, "E.g. 30d, or a time");
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
  update->footer("Metadata is merged (RFC 7396): a member set to null is "
                 "removed, others stay.\nExample:\n  cloister memory update ID "
                 "--metadata '{\"a\":null}' --expires never");
  auto asked = std::make_shared<patch_arguments>();
  update->add_option("id", asked->id, "The memory's id")->required();
  update->add_option("--content", asked->content, "- for standard input");
  add_draft_options(*update, *asked);
  update->add_option("--expires", asked->expires, "E.g. 30d, a time, or never");
  update->add_option("--if-revision", asked->if_revision,
                     "Only if this is the newest revision");
  update->callback([&shared, asked] {
    shared.run = [asked](context& c) { return run_update(c, *asked); };
  });
}

void add_copies(CLI::App& memory, context& shared) {
  auto id = std::make_shared<std::string>();
  auto revision = std::make_shared<std::uint32_t>(0);
  auto restore = memory.add_subcommand("restore", "Make an old revision the "
                                                  "newest");
  restore->add_option("id", *id, "The memory's id")->required();
  restore->add_option("--revision", *revision, "Which one")->required();
  restore->callback([&shared, id, revision] {
    shared.run
      = [id, revision](context& c) { return run_restore(c, *id, *revision); };
  });

  auto to = std::make_shared<std::string>();
  auto share = memory.add_subcommand("share", "Copy a memory to another scope");
  share->footer("Example:\n  cloister memory share ID --to team_eng");
  share->add_option("id", *id, "The memory's id")->required();
  share
    ->add_option("--to", *to,
                 "A scope below the key's root, or a whole path (org_…/team_…)")
    ->required();
  share->callback([&shared, id, to] {
    shared.run = [id, to](context& c) { return run_share(c, *id, *to); };
  });
  auto promote = memory.add_subcommand(
    "promote", "Move memories out of a session, to the scope above");
  promote->footer("Example:\n  cloister memory promote ID --user-id "
                  "agent_planner/session_42 --to team_eng");
  auto ids = std::make_shared<std::vector<std::string>>();
  auto target = std::make_shared<std::string>();
  promote->add_option("id", *ids, "The memories' ids")->required();
  promote->add_option("--to", *target, "Another scope than the one above");
  promote->callback([&shared, ids, target] {
    shared.run
      = [ids, target](context& c) { return run_promote(c, *ids, *target); };
  });
}

void add_removals(CLI::App& memory, context& shared) {
  auto id = std::make_shared<std::string>();
  auto if_revision = std::make_shared<std::optional<std::uint32_t>>();
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

  auto confirm = std::make_shared<std::string>();
  auto all = memory.add_subcommand("delete-all", "Delete all memories of the "
                                                 "bound scope");
  all->add_option("--confirm", *confirm, "The bound scope, e.g. user_sarah")
    ->required();
  all->callback([&shared, confirm] {
    shared.run = [confirm](context& c) { return run_delete_all(c, *confirm); };
  });
}

} // namespace

void add_memory_writes(CLI::App& memory, context& shared) {
  add_create(memory, shared);
  add_update(memory, shared);
  add_copies(memory, shared);
  add_removals(memory, shared);
}

void add_memory_commands(CLI::App& app, context& shared) {
  auto memory = app.add_subcommand("memory", "Memories of the bound scope");
  memory->require_subcommand(1);
  add_memory_writes(*memory, shared);
  add_memory_reads(*memory, shared);
}

} // namespace cloister::cli
