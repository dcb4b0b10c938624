// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Many memories at once: into a scope, and out of all that a key reaches.

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "server/reading.hpp"
#include "server/route.hpp"
#include "server/text_stream.hpp"
#include "wire/input.hpp"
#include "wire/output.hpp"

namespace cloister::server {

namespace {

namespace json = boost::json;

/// As good as for ever: a file may be imported again years later.
constexpr std::chrono::hours remembered{24 * 365 * 20};
/// Memories of one piece of an export.
constexpr std::size_t rows_at_once = 25;

struct import_wish {
  std::vector<memory_draft> drafts;
  std::optional<std::string> user_id;
};

import_wish read_import(wire::object_reader& from) {
  import_wish out{{}, from.text("user_id")};
  auto list = from.any("memories");
  auto rows = list != nullptr ? list->if_array() : nullptr;
  if (rows == nullptr) {
    from.fail({errc::invalid_argument, "\"memories\" is a list of memories"});
    return out;
  }
  for (std::size_t i = 0; i < rows->size(); ++i) {
    auto row = (*rows)[i].if_object();
    json::object none;
    wire::object_reader one{row != nullptr ? *row : none};
    auto draft = wire::read_draft(one);
    draft.idempotency_key = one.text("idempotency_key");
    draft.idempotency_lifetime = remembered;
    auto done
      = row == nullptr
          ? result<void>{error{errc::invalid_argument, "a memory is an object"}}
          : one.finish();
    if (done && !draft.idempotency_key)
      done = error{errc::invalid_argument,
                   "\"idempotency_key\" is missing: by it nothing is stored "
                   "twice"};
    if (done.has_error()) {
      from.fail({done.error().code,
                 "memory " + std::to_string(i) + ": " + done.error().detail});
      return out;
    }
    out.drafts.push_back(std::move(draft));
  }
  return out;
}

void import_memories(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto what = read_body(call, read_import);
  if (!what)
    return;
  auto asked = what->drafts.size();
  auto drafts
    = std::make_shared<std::vector<memory_draft>>(std::move(what->drafts));
  call->with_client(
    [call, asked, drafts](const client& bound) {
      bound.import_memories(std::move(*drafts), [call, asked](
                                                  const result<std::size_t>&
                                                    done) {
        call->answer_with(done, [&](auto stored) {
          return json::object{{"imported", stored}, {"known", asked - stored}};
        });
      });
    },
    what->user_id);
}

/// Lines of JSON, a page at a time.
class export_lines : public text_stream,
                     public std::enable_shared_from_this<export_lines> {
public:
  export_lines(const client& bound, list_options options,
               std::shared_ptr<void> turn)
    : bound_(bound), options_(std::move(options)), turn_(std::move(turn)) {}

  void start(std::function<void()> ready) override {
    ready();
  }

  void next(taker taken) override {
    if (is_over_)
      return taken(std::nullopt);
    bound_.list_memories(
      options_,
      [self = shared_from_this(), taken = std::move(taken)](
        const result<memory_list>& page) { taken(self->lines_of(page)); });
  }

  bool has_failed() const override {
    return has_failed_;
  }

private:
  std::optional<std::string> lines_of(const result<memory_list>& page) {
    // What ends early must not pass for the whole.
    has_failed_ = page.has_error();
    if (page.has_error())
      return std::nullopt;
    std::string out;
    for (const auto& each : page->results)
      out += to_json_text(wire::to_json(each)) + '\n';
    options_.cursor = page->cursor;
    is_over_ = !page->cursor.has_value();
    return out;
  }

  client bound_;
  list_options options_;
  std::shared_ptr<void> turn_;
  bool is_over_ = false;
  bool has_failed_ = false;
};

void export_memories(const exchange_ptr& call) {
  if (!check_query(call))
    return;
  auto reach = parse_visibility(call->query("visibility").value_or("subtree"));
  if (reach.has_error())
    return call->fail(reach.error());
  list_options options;
  options.filter = call->query("filter");
  options.reach = *reach;
  options.oldest_first = true;
  options.limit = rows_at_once;
  call->with_client([call, options](const client& bound) {
    auto turn = call->of().memory_exports.take(bound.bound_to());
    if (!turn)
      return call->fail({errc::overloaded,
                         "other exports are running; try again",
                         std::chrono::seconds{1}});
    // Whoever may not is told so, before the first line.
    auto probe = options;
    probe.limit = 1;
    bound.list_memories(
      probe, [call, bound, options, turn](const result<memory_list>& done) {
        if (done.has_error())
          return call->fail(done.error());
        http_response out;
        out.content_type = "application/x-ndjson";
        out.stream = std::make_shared<export_lines>(bound, options, turn);
        call->answer(std::move(out));
      });
  });
}

const std::vector<route> routes{
  {http_method::post,
   "/v1/import",
   "import_memories",
   "memories",
   "Store up to 1000 memories, passing over those that were stored before",
   access::api_key,
   import_memories,
   {},
   "Import",
   "Imported"},
  {http_method::get,
   "/v1/export",
   "export_memories",
   "memories",
   "All memories, a line of JSON each, the oldest of each scope first",
   access::api_key,
   export_memories,
   {{"visibility", "string",
     "self, inherited or subtree, which is the default"},
    {"filter", "string", "A filter, as JSON"}},
   "",
   "",
   200,
   "application/x-ndjson"},
};

} // namespace

std::span<const route> transfer_routes() {
  return routes;
}

} // namespace cloister::server
