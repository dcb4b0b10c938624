// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mcp_tools.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "runtime/session.hpp"
#include "server/openapi.hpp"
#include "wire/input.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

/// Takes the arguments, or answers what is wrong with them.
template <class Read, class Run>
void with_arguments(const json::object& arguments, const tool_answer& done,
                    Read read, Run run) {
  wire::object_reader reader{arguments};
  auto taken = read(reader);
  if (auto valid = reader.finish(); valid.has_error())
    return done(valid.error());
  run(std::move(taken));
}

memory_id read_id(wire::object_reader& from) {
  auto text = from.text("id");
  auto id = memory_id::parse(text.value_or(""));
  if (id)
    return *id;
  from.fail({errc::invalid_argument,
             "\"id\" is the id of a memory, as searches and lists answer it"});
  return {};
}

/// Answers `show(value)`, or the error.
template <class T, class Show>
auto answered(tool_answer done, Show show) {
  return [done = std::move(done), show](const result<T>& outcome) {
    if (outcome)
      done(show(*outcome));
    else
      done(outcome.error());
  };
}

auto answered_memory(const client& bound, tool_answer done) {
  return answered<memory>(std::move(done), [bound](const memory& value) {
    return wire::to_json(value, bound.bound_to());
  });
}

void add(const client& bound, const json::object& arguments, tool_answer done) {
  with_arguments(arguments, done, wire::read_draft, [&](memory_draft draft) {
    bound.create_memory(std::move(draft), answered_memory(bound, done));
  });
}

void search(const client& bound, const json::object& arguments,
            tool_answer done) {
  with_arguments(
    arguments, done, wire::read_search, [&](search_options options) {
      bound.search_memories(std::move(options), answered<search_results>(
                                                  done, [](const auto& found) {
                                                    return wire::to_json(found);
                                                  }));
    });
}

void get(const client& bound, const json::object& arguments, tool_answer done) {
  with_arguments(arguments, done, read_id, [&](memory_id id) {
    bound.get_memory(id, answered_memory(bound, done));
  });
}

list_options read_list(wire::object_reader& from) {
  list_options out;
  if (auto limit = from.number("limit"))
    out.limit = *limit;
  out.cursor = from.text("cursor");
  out.memory_type = from.text("memory_type");
  out.filter = from.object("filter");
  out.reach = wire::read_visibility(from);
  out.scopes = from.texts("scopes").value_or(std::vector<std::string>{});
  return out;
}

void list(const client& bound, const json::object& arguments,
          tool_answer done) {
  with_arguments(arguments, done, read_list, [&](list_options options) {
    bound.list_memories(std::move(options),
                        answered<memory_list>(done, [](const auto& page) {
                          return wire::to_json(page);
                        }));
  });
}

struct change {
  memory_id id;
  memory_patch patch;
  std::optional<std::uint32_t> if_revision;
};

change read_change(wire::object_reader& from) {
  change out{read_id(from), wire::read_patch(from), {}};
  if (auto revision = from.number("if_revision"))
    out.if_revision = static_cast<std::uint32_t>(std::min<std::uint64_t>(
      *revision, std::numeric_limits<std::uint32_t>::max()));
  return out;
}

void update(const client& bound, const json::object& arguments,
            tool_answer done) {
  with_arguments(arguments, done, read_change, [&](change what) {
    bound.update_memory(what.id, std::move(what.patch), what.if_revision,
                        answered_memory(bound, done));
  });
}

void remove(const client& bound, const json::object& arguments,
            tool_answer done) {
  with_arguments(arguments, done, read_id, [&](memory_id id) {
    bound.delete_memory(id, {}, [done](const result<void>& outcome) {
      if (outcome.has_error())
        done(outcome.error());
      else
        done(json::object{{"deleted", 1}});
    });
  });
}

void remove_all(const client& bound, const json::object& arguments,
                tool_answer done) {
  auto read = [](wire::object_reader& from) {
    return from.text("confirm").value_or("");
  };
  with_arguments(arguments, done, read, [&](const std::string& confirmed) {
    const auto& where = bound.bound_to();
    if (confirmed != where.name() && confirmed != where.path())
      return done(error{errc::invalid_argument,
                        "this deletes all memories; \"confirm\" must be "
                          + std::string{where.name()}});
    bound.delete_all_memories(
      answered<std::uint64_t>(done, [](std::uint64_t count) {
        return json::object{{"deleted", count}};
      }));
  });
}

void history(const client& bound, const json::object& arguments,
             tool_answer done) {
  with_arguments(arguments, done, read_id, [&](memory_id id) {
    bound.memory_history(
      id, answered<std::vector<memory>>(done, [bound](const auto& revisions) {
        json::array rows;
        for (const auto& each : revisions)
          rows.push_back(wire::to_json(each, bound.bound_to()));
        return json::object{{"results", std::move(rows)}};
      }));
  });
}

void share(const client& bound, const json::object& arguments,
           tool_answer done) {
  auto read = [](wire::object_reader& from) {
    auto id = read_id(from);
    return std::pair{id, from.text("to").value_or("")};
  };
  with_arguments(arguments, done, read, [&](const auto& what) {
    bound.share_memory(what.first, what.second,
                       answered<located_memory>(done, [](const auto& copy) {
                         return wire::to_json(copy);
                       }));
  });
}

void start_session(const client& bound, const json::object& arguments,
                   tool_answer done) {
  with_arguments(arguments, done, wire::read_session,
                 [&](const session_options& options) {
                   bound.open_session(options, [done](result<session> opened) {
                     if (opened.has_error())
                       return done(opened.error());
                     opened->detach();
                     done(wire::to_json(opened->info()));
                   });
                 });
}

void end_session(const client& bound, const json::object& arguments,
                 tool_answer done) {
  auto read = [](wire::object_reader& from) {
    auto name = from.text("session");
    if (!name)
      from.fail({errc::invalid_argument,
                 "\"session\" is missing; start_session answered it"});
    return name.value_or("");
  };
  with_arguments(arguments, done, read, [&](const std::string& name) {
    // Only below: a model must not name somebody else's, nor its own.
    auto where = bound.bound_to().resolve(name);
    if (name.empty() || where.has_error() || *where == bound.bound_to())
      return done(
        error{errc::not_found, "there is no such session below this scope"});
    bound.end_session(where->path(),
                      answered<erasure_receipt>(done, [](const auto& receipt) {
                        return wire::to_json(receipt);
                      }));
  });
}

constexpr std::string_view draft_arguments = R"({
 "content": {"type": "string", "description": "What to remember, up to 64 KiB"},
 "memory_type": {"type": "string", "description": "Like fact or preference"},
 "metadata": {"type": "object"},
 "key": {"type": "string", "description": "Replaces the memory that has it"},
 "embedding": {"type": "array", "items": {"type": "number"}},
 "expires_at": {"type": "string", "format": "date-time"},
 "created_at": {"type": "string", "format": "date-time"}})";

constexpr std::string_view search_arguments
  = R"({"query": {"type": "string"}, "limit": {"type": "integer", "minimum": 1,
 "maximum": 1000}, "memory_type": {"type": "string"},
 "filter": {"type": "object"}, "min_score": {"type": "number"},
 "visibility": {"enum": ["self", "inherited", "subtree"]},
 "scopes": {"type": "array", "items": {"type": "string"}},
 "timeout_ms": {"type": "integer", "minimum": 1}})";

constexpr std::string_view list_arguments
  = R"({"limit": {"type": "integer", "minimum": 1, "maximum": 1000},
 "cursor": {"type": "string"}, "memory_type": {"type": "string"},
 "filter": {"type": "object"},
 "visibility": {"enum": ["self", "inherited", "subtree"]},
 "scopes": {"type": "array", "items": {"type": "string"}}})";

constexpr std::string_view id_argument
  = R"({"id": {"type": "string", "format": "uuid"}})";

constexpr std::string_view change_arguments
  = R"({"id": {"type": "string", "format": "uuid"},
 "content": {"type": "string"}, "memory_type": {"type": "string"},
 "metadata": {"type": "object", "description": "Merged into what there is"},
 "embedding": {"type": "array", "items": {"type": "number"}},
 "expires_at": {"type": ["string", "null"], "format": "date-time"},
 "if_revision": {"type": "integer", "minimum": 1}})";

constexpr std::string_view session_arguments
  = R"({"resumable": {"type": "boolean"},
 "idle_timeout": {"type": "number", "description": "Seconds; 0 for no limit"},
 "absolute_timeout": {"type": "number"}, "lease": {"type": "number"}})";

constexpr auto forget = permissions::remove;

const std::vector<tool> tools{
  {"add_memory", "Add a memory",
   "Remember something for later conversations. Durable when it answers.",
   permissions::write, draft_arguments, R"(["content"])", "Memory", false,
   false, false, add},
  {"search_memories", "Search memories",
   "Find what was remembered, best first.", permissions::read, search_arguments,
   "[]", "SearchResults", true, false, true, search},
  {"get_memory", "Get a memory", "Read one memory by its id.",
   permissions::read, id_argument, R"(["id"])", "Memory", true, false, true,
   get},
  {"list_memories", "List memories", "What was remembered, newest first.",
   permissions::read, list_arguments, "[]", "MemoryPage", true, false, true,
   list},
  {"update_memory", "Update a memory",
   "Change a memory; what it was before is kept as a revision.",
   permissions::write, change_arguments, R"(["id"])", "Memory", false, true,
   false, update},
  {"delete_memory", "Delete a memory", "Forget one memory for good.", forget,
   id_argument, R"(["id"])", "Deleted", false, true, true, remove},
  {"delete_all_memories", "Delete all memories",
   "Forget everything; \"confirm\" is the user_id whose memories these are.",
   forget, R"({"confirm": {"type": "string"}})", R"(["confirm"])", "Deleted",
   false, true, true, remove_all},
  {"memory_history", "History of a memory", "All its revisions, newest first.",
   permissions::read, id_argument, R"(["id"])", "History", true, false, true,
   history},
  {"share_memory", "Share a memory",
   "Copy a memory to another scope, like a team's.", permissions::share,
   R"({"id": {"type": "string", "format": "uuid"}, "to": {"type": "string"}})",
   R"(["id", "to"])", "Memory", false, false, false, share},
  {"start_session", "Start a session",
   "Open a scope below this one that vanishes with all it holds.",
   permissions::write, session_arguments, "[]", "Session", false, false, false,
   start_session},
  {"end_session", "End a session",
   "End a session; all its memories are gone for good.", forget,
   R"({"session": {"type": "string"}})", R"(["session"])", "Receipt", false,
   true, true, end_session},
};

/// With what it refers to written out: a schema of MCP stands alone.
json::value whole(const json::value& schema, const json::object& known) {
  if (auto list = schema.if_array()) {
    json::array out;
    for (const auto& each : *list)
      out.push_back(whole(each, known));
    return out;
  }
  auto object = schema.if_object();
  if (object == nullptr)
    return schema;
  if (auto reference = object->if_contains("$ref")) {
    std::string_view path{reference->as_string()};
    return whole(known.at(path.substr(path.rfind('/') + 1)), known);
  }
  json::object out;
  for (const auto& [name, member] : *object)
    out[name] = whole(member, known);
  return out;
}

} // namespace

std::span<const tool> all_tools() {
  return tools;
}

const tool* find_tool(std::string_view name, permissions allowed) {
  auto found = std::find_if(tools.begin(), tools.end(), [&](const auto& each) {
    return each.name == name;
  });
  if (found == tools.end() || (allowed | found->needs) != allowed)
    return nullptr;
  return &*found;
}

json::object description_of(const tool& what) {
  static const auto schemas = openapi_schemas();
  return {
    {"name", what.name},
    {"title", what.title},
    {"description", what.description},
    {"inputSchema", json::object{{"type", "object"},
                                 {"properties", json::parse(what.arguments)},
                                 {"required", json::parse(what.required)},
                                 {"additionalProperties", false}}},
    {"outputSchema", whole(schemas.at(what.answer), schemas)},
    {"annotations", json::object{{"title", what.title},
                                 {"readOnlyHint", what.is_read_only},
                                 {"destructiveHint", what.is_destructive},
                                 {"idempotentHint", what.is_idempotent},
                                 {"openWorldHint", false}}}};
}

} // namespace cloister::server
