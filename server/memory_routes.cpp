// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "server/reading.hpp"
#include "server/route.hpp"
#include "wire/input.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

constexpr unsigned created = 201;
constexpr unsigned not_modified = 304;
constexpr unsigned precondition_failed = 412;

std::string etag_of(const memory& value) {
  return '"' + std::to_string(value.revision) + '"';
}

/// Where it is found with the same key.
std::string location_of(const memory& made, const std::string& user_id) {
  auto out = "/v1/memories/" + made.id.to_string();
  if (!user_id.empty())
    out += "?user_id=" + percent_encoded(user_id);
  return out;
}

void answer_memory(const exchange_ptr& call, const client& bound,
                   const result<memory>& done, unsigned status = 200,
                   const std::string& user_id = {}) {
  if (done.has_error())
    return call->fail(done.error());
  http_response out;
  out.status = status;
  out.headers.emplace_back("ETag", etag_of(*done));
  if (status == created)
    out.headers.emplace_back("Location", location_of(*done, user_id));
  std::array<unsigned char, exchange::first_parts_bytes> first;
  json::monotonic_resource parts{first.data(), first.size()};
  out.body = to_json_text(wire::to_json(*done, bound.bound_to(), &parts));
  call->answer(std::move(out));
}

json::object results_of(const std::vector<memory>& all, const scope& where,
                        const json::storage_ptr& storage) {
  json::object out(storage);
  auto& rows = out["results"].emplace_array();
  rows.reserve(all.size());
  for (const auto& each : all)
    rows.push_back(wire::to_json(each, where, storage));
  return out;
}

/// Where a condition would be passed over without a word. False if it answered
/// that.
bool check_unconditional(const exchange_ptr& call) {
  if (call->request().count("if-match") == 0)
    return true;
  call->fail({errc::invalid_argument, "this address does not take If-Match"});
  return false;
}

/// A lost race has a status of its own where the request asked to be told.
void fail_change(const exchange_ptr& call, const error& why,
                 const precondition& wanted) {
  call->fail(why, wanted.revision && why.code == errc::conflict
                    ? precondition_failed
                    : 0);
}

// -- creating --

struct creation {
  std::vector<memory_draft> drafts;
  bool is_batch = false;
  std::optional<std::string> user_id;
};

std::vector<memory_draft> read_drafts(wire::object_reader& from,
                                      const json::value& list) {
  std::vector<memory_draft> out;
  auto rows = list.if_array();
  if (rows == nullptr || rows->empty()
      || rows->size() > limits::batch_memories_max) {
    from.fail({errc::invalid_argument,
               "\"memories\" is a list of 1 to "
                 + std::to_string(limits::batch_memories_max) + " memories"});
    return out;
  }
  for (const auto& row : *rows) {
    if (!row.is_object()) {
      from.fail({errc::invalid_argument, "a memory is an object"});
      return out;
    }
    wire::object_reader one{row.get_object()};
    out.push_back(wire::read_draft(one));
    if (auto done = one.finish(); done.has_error()) {
      from.fail({errc::invalid_argument, "memory "
                                           + std::to_string(out.size() - 1)
                                           + ": " + done.error().detail});
      return out;
    }
  }
  return out;
}

creation read_creation(wire::object_reader& from) {
  creation out;
  out.user_id = from.text("user_id");
  if (auto list = from.any("memories")) {
    out.is_batch = true;
    out.drafts = read_drafts(from, *list);
  } else {
    out.drafts.push_back(wire::read_draft(from));
  }
  return out;
}

/// Each memory of a batch is remembered by itself.
void add_idempotency(const exchange_ptr& call, creation& what) {
  auto key = call->request().header("idempotency-key");
  if (key.empty())
    return;
  for (std::size_t i = 0; i < what.drafts.size(); ++i)
    what.drafts[i].idempotency_key
      = what.is_batch ? std::string{key} + '#' + std::to_string(i)
                      : std::string{key};
}

void create(const exchange_ptr& call) {
  if (!check_query(call) || !check_unconditional(call))
    return;
  auto what = read_body(call, read_creation);
  if (!what)
    return;
  add_idempotency(call, *what);
  auto shared = std::make_shared<creation>(std::move(*what));
  call->with_client(
    [call, shared](const client& bound) {
      if (!shared->is_batch)
        return bound.create_memory(
          std::move(shared->drafts.front()),
          [call, bound, shared](const result<memory>& done) {
            auto is_new = done && done->revision == 1;
            answer_memory(call, bound, done, is_new ? created : 200,
                          call->user_id(shared->user_id).value());
          });
      bound.create_memories(
        std::move(shared->drafts),
        [call, bound](const result<std::vector<memory>>& done) {
          call->answer_with(
            done,
            [&](const auto& all, json::storage_ptr storage) {
              return results_of(all, bound.bound_to(), storage);
            },
            created);
        });
    },
    shared->user_id);
}

// -- reading --

void get(const exchange_ptr& call) {
  auto id = read_memory_id(call);
  if (!id || !check_query(call))
    return;
  call->with_client([call, id = *id](const client& bound) {
    bound.get_memory(id, [call, bound](const result<memory>& done) {
      auto known = call->request().header("if-none-match");
      if (!done || known.empty() || known != etag_of(*done))
        return answer_memory(call, bound, done);
      http_response same;
      same.status = not_modified;
      same.headers.emplace_back("ETag", etag_of(*done));
      call->answer(std::move(same));
    });
  });
}

void list(const exchange_ptr& call) {
  auto limit = read_limit(call, limits::page_results_default);
  if (!limit || !check_query(call))
    return;
  list_options options;
  options.limit = *limit;
  options.memory_type = call->query("memory_type");
  options.filter = call->query("filter");
  options.cursor = call->query("cursor");
  options.scopes = read_names(call, "scopes");
  if (auto order = call->query("order")) {
    if (*order != "newest" && *order != "oldest")
      return call->fail(
        {errc::invalid_argument, "\"order\" is newest or oldest"});
    options.oldest_first = *order == "oldest";
  }
  auto reach = parse_visibility(call->query("visibility").value_or("self"));
  if (reach.has_error())
    return call->fail(reach.error());
  options.reach = *reach;
  call->with_client([call, options](const client& bound) {
    auto room = take_room_for(call, bound, options.limit);
    if (!room)
      return;
    bound.list_memories(options, [call, room](const result<memory_list>& done) {
      call->answer_with(done, [](const auto& page, json::storage_ptr storage) {
        return wire::to_json(page, storage);
      });
    });
  });
}

void search(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  struct wanted {
    search_options options;
    std::optional<std::string> user_id;
  };
  auto what = read_body(call, [](wire::object_reader& from) {
    return wanted{wire::read_search(from), from.text("user_id")};
  });
  if (!what)
    return;
  call->with_client(
    [call, options = std::move(what->options)](const client& bound) {
      auto room = take_room_for(call, bound, options.limit);
      if (!room)
        return;
      bound.search_memories(
        options, [call, room](const result<search_results>& done) {
          call->answer_with(done,
                            [](const auto& found, json::storage_ptr storage) {
                              return wire::to_json(found, storage);
                            });
        });
    },
    std::move(what->user_id));
}

void history(const exchange_ptr& call) {
  auto id = read_memory_id(call);
  if (!id || !check_query(call))
    return;
  call->with_client([call, id = *id](const client& bound) {
    // Each of its revisions may be as large as a memory.
    auto room = take_room_for(call, bound, limits::page_results_max);
    if (!room)
      return;
    bound.memory_history(
      id, [call, bound, room](const result<std::vector<memory>>& done) {
        call->answer_with(
          done, [&](const auto& revisions, json::storage_ptr storage) {
            return results_of(revisions, bound.bound_to(), storage);
          });
      });
  });
}

// -- changing --

void update(const exchange_ptr& call) {
  auto id = read_memory_id(call);
  if (!id || !check_query(call))
    return;
  auto wanted = read_if_match(call);
  if (!wanted)
    return;
  struct change {
    memory_patch patch;
    std::optional<std::string> user_id;
  };
  auto what = read_body(call, [](wire::object_reader& from) {
    return change{wire::read_patch(from), from.text("user_id")};
  });
  if (!what)
    return;
  call->with_client(
    [call, id = *id, wanted = *wanted,
     patch = std::move(what->patch)](const client& bound) {
      bound.update_memory(id, patch, wanted.revision,
                          [call, bound, wanted](const result<memory>& done) {
                            if (done.has_error())
                              return fail_change(call, done.error(), wanted);
                            answer_memory(call, bound, done);
                          });
    },
    std::move(what->user_id));
}

void remove(const exchange_ptr& call) {
  auto id = read_memory_id(call);
  if (!id || !check_query(call))
    return;
  auto wanted = read_if_match(call);
  if (!wanted)
    return;
  call->with_client([call, id = *id, wanted = *wanted](const client& bound) {
    bound.delete_memory(id, wanted.revision,
                        [call, wanted](const result<void>& done) {
                          if (done.has_error())
                            return fail_change(call, done.error(), wanted);
                          call->answer(200, json::object{{"deleted", 1}});
                        });
  });
}

/// Nobody deletes everything by a slip: the scope is named once more.
void remove_all(const exchange_ptr& call) {
  if (!check_query(call) || !check_unconditional(call))
    return;
  auto confirmed = call->query("confirm");
  call->with_client([call, confirmed](const client& bound) {
    const auto& where = bound.bound_to();
    if (!confirmed
        || (*confirmed != where.name() && *confirmed != where.path()))
      return call->fail(
        {errc::invalid_argument,
         "this deletes all memories of " + std::string{where.path()}
           + "; say that by confirm=" + std::string{where.name()}});
    bound.delete_all_memories([call](const result<std::uint64_t>& done) {
      call->answer_with(done, [](auto count) {
        return json::object{{"deleted", count}};
      });
    });
  });
}

void restore(const exchange_ptr& call) {
  auto id = read_memory_id(call);
  if (!id || !check_query(call) || !check_unconditional(call))
    return;
  struct wanted {
    std::optional<std::uint64_t> revision;
    std::optional<std::string> user_id;
  };
  auto what = read_body(call, [](wire::object_reader& from) {
    wanted out{from.number("revision"), from.text("user_id")};
    if (!out.revision || *out.revision == 0
        || *out.revision > std::numeric_limits<std::uint32_t>::max())
      from.fail({errc::invalid_argument,
                 "\"revision\" is the number of a revision; the history of a "
                 "memory has them"});
    return out;
  });
  if (!what)
    return;
  auto revision = static_cast<std::uint32_t>(*what->revision);
  call->with_client(
    [call, id = *id, revision](const client& bound) {
      bound.restore_memory(id, revision,
                           [call, bound](const result<memory>& done) {
                             answer_memory(call, bound, done);
                           });
    },
    std::move(what->user_id));
}

void share(const exchange_ptr& call) {
  auto id = read_memory_id(call);
  if (!id || !check_query(call) || !check_unconditional(call))
    return;
  struct wanted {
    std::optional<std::string> to;
    std::optional<std::string> user_id;
  };
  auto what = read_body(call, [](wire::object_reader& from) {
    wanted out{from.text("to"), from.text("user_id")};
    if (!out.to)
      from.fail({errc::invalid_argument,
                 "\"to\" is missing; name a scope, like team_eng"});
    return out;
  });
  if (!what)
    return;
  call->with_client(
    [call, id = *id, to = *what->to](const client& bound) {
      bound.share_memory(id, to, [call](const result<located_memory>& done) {
        call->answer_with(
          done, [](const auto& copy) { return wire::to_json(copy); }, created);
      });
    },
    std::move(what->user_id));
}

const std::vector<parameter> list_parameters{
  {"memory_type", "string", "Only memories of this type"},
  {"filter", "string", "A filter, as JSON"},
  {"cursor", "string", "Of the page before"},
  {"limit", "integer", "1 to 1000; 50 if absent"},
  {"order", "string", "newest (first), or oldest"},
  {"visibility", "string", "self, inherited or subtree"},
  {"scopes", "string", "Other scopes instead, separated by commas"}};

const std::vector<route> routes{
  {http_method::post,
   "/v1/memories",
   "create_memory",
   "memories",
   "Store a memory, or up to 1000 of them, all or none",
   access::api_key,
   create,
   {},
   "NewMemory",
   "CreatedMemories",
   created},
  {http_method::get, "/v1/memories", "list_memories", "memories",
   "List memories, a page at a time", access::api_key, list, list_parameters,
   "", "MemoryPage"},
  {http_method::remove,
   "/v1/memories",
   "delete_all_memories",
   "memories",
   "Delete all memories of the scope",
   access::api_key,
   remove_all,
   {{"confirm", "string", "The user_id, once more", true}},
   "",
   "Deleted"},
  {http_method::post,
   "/v1/memories/search",
   "search_memories",
   "memories",
   "Search memories, best first",
   access::api_key,
   search,
   {},
   "Search",
   "SearchResults"},
  {http_method::get,
   "/v1/memories/{id}",
   "get_memory",
   "memories",
   "Read a memory",
   access::api_key,
   get,
   {},
   "",
   "Memory"},
  {http_method::patch,
   "/v1/memories/{id}",
   "update_memory",
   "memories",
   "Change a memory by a merge patch (RFC 7396)",
   access::api_key,
   update,
   {},
   "MemoryPatch",
   "Memory"},
  {http_method::remove,
   "/v1/memories/{id}",
   "delete_memory",
   "memories",
   "Delete a memory",
   access::api_key,
   remove,
   {},
   "",
   "Deleted"},
  {http_method::get,
   "/v1/memories/{id}/history",
   "memory_history",
   "memories",
   "All revisions of a memory, newest first",
   access::api_key,
   history,
   {},
   "",
   "History"},
  {http_method::post,
   "/v1/memories/{id}/restore",
   "restore_memory",
   "memories",
   "Make an old revision the newest",
   access::api_key,
   restore,
   {},
   "RestoreMemory",
   "Memory"},
  {http_method::post,
   "/v1/memories/{id}/share",
   "share_memory",
   "memories",
   "Copy a memory to another scope",
   access::api_key,
   share,
   {},
   "ShareMemory",
   "Memory",
   created},
};

} // namespace

std::span<const route> memory_routes() {
  return routes;
}

} // namespace cloister::server
