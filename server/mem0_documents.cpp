// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_documents.hpp"

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "server/mem0_call.hpp"

namespace cloister::server::mem0 {

namespace json = boost::json;

namespace {

document document_of(const memory& value) {
  document out{value.id, value.key.value_or(""), {}, value.created_at,
               value.updated_at};
  boost::system::error_code failed;
  auto parsed = json::parse(value.content, failed);
  if (!failed && parsed.is_object())
    out.content = parsed.get_object();
  return out;
}

} // namespace

result<documents> documents::of(const call& from, std::string kind) {
  auto bound = from.at(own_segment);
  if (bound.has_error() && bound.error().code != errc::invalid_argument
      && bound.error().code != errc::forbidden)
    return bound.error();
  if (bound.has_error())
    return error{errc::invalid_argument,
                 "this is kept below the key's root, and an agent's or a "
                 "session's has no room for it; use a key of the organization"};
  return documents{*bound, std::move(kind)};
}

result<document> documents::put(const std::string& key,
                                const json::object& content) const {
  memory_draft draft;
  draft.content = to_json_text(content);
  draft.memory_type = kind_;
  draft.key = kind_ + '.' + key;
  auto done = where_.create_memory(std::move(draft));
  if (done.has_error())
    return done.error();
  return document_of(*done);
}

result<std::vector<document>>
documents::matching(std::optional<std::string> key) const {
  std::vector<document> out;
  list_options options;
  options.memory_type = kind_;
  options.limit = limits::page_results_max;
  options.oldest_first = true;
  if (key) {
    json::object filter;
    filter["key"] = kind_ + '.' + *key;
    options.filter = to_json_text(filter);
  }
  do {
    auto page = where_.list_memories(options);
    if (page.has_error())
      return page.error();
    for (const auto& each : page->results)
      out.push_back(document_of(each.memory));
    options.cursor = page->cursor;
  } while (options.cursor);
  return out;
}

result<std::optional<document>> documents::get(const std::string& key) const {
  auto found = matching(key);
  if (found.has_error())
    return found.error();
  if (found->empty())
    return std::optional<document>{};
  return std::optional{std::move(found->front())};
}

result<std::vector<document>> documents::all() const {
  return matching(std::nullopt);
}

result<void> documents::remove(const memory_id& id) const {
  return where_.delete_memory(id);
}

} // namespace cloister::server::mem0
