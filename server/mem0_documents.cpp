// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_documents.hpp"

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "runtime/derived_secret.hpp"
#include "server/mem0_call.hpp"

namespace cloister::server::mem0 {

namespace json = boost::json;

namespace {

constexpr std::string_view proof_member = "proof";

/// In a time that does not depend on where they differ.
bool is_same(std::string_view a, std::string_view b) {
  if (a.size() != b.size())
    return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]))
                  ^ static_cast<unsigned>(static_cast<unsigned char>(b[i]));
  return difference == 0;
}

} // namespace

std::string documents::proof_of(std::string_view key,
                                const json::object& content) const {
  json::array parts;
  parts.push_back(json::value(where_.bound_to().path()));
  parts.push_back(json::value(kind_));
  parts.push_back(json::value(key));
  parts.push_back(json::value(to_json_text(content)));
  return derived_secret(store_, "mem0 document " + to_json_text(parts));
}

std::optional<document> documents::document_of(const memory& value) const {
  document out{
    value.id, value.key.value_or(""), {}, value.created_at, value.updated_at};
  boost::system::error_code failed;
  auto parsed = json::parse(value.content, failed);
  if (failed || !parsed.is_object() || !out.key.starts_with(kind_ + '.'))
    return std::nullopt;
  out.content = std::move(parsed.get_object());
  auto given = out.content.if_contains(proof_member);
  if (given == nullptr || !given->is_string())
    return std::nullopt;
  std::string proof{given->get_string()};
  out.content.erase(proof_member);
  auto genuine = proof_of(out.key, out.content);
  if (genuine.empty() || !is_same(proof, genuine))
    return std::nullopt;
  return out;
}

result<documents> documents::of(const call& from, std::string kind) {
  auto bound = from.at(own_segment);
  if (bound.has_error() && bound.error().code != errc::invalid_argument
      && bound.error().code != errc::forbidden)
    return bound.error();
  if (bound.has_error())
    return error{errc::invalid_argument,
                 "this is kept below the key's root, and an agent's or a "
                 "session's has no room for it; use a key of the organization"};
  // Whoever may write memories must not write these.
  auto own = from.http().own_client_of(bound->bound_to());
  if (own.has_error())
    return own.error();
  return documents{from.http().of().store, *own, std::move(kind)};
}

result<document> documents::put(const std::string& key,
                                const json::object& content,
                                std::optional<timestamp> expires_at) const {
  auto name = kind_ + '.' + key;
  // As it will be read: one that is proven before it was parsed may differ.
  boost::system::error_code failed;
  auto again = json::parse(to_json_text(content), failed);
  auto proven
    = failed || !again.is_object() ? json::object{} : again.get_object();
  proven.erase(proof_member);
  auto with_proof = proven;
  with_proof[proof_member] = proof_of(name, proven);
  memory_draft draft;
  draft.content = to_json_text(with_proof);
  draft.memory_type = kind_;
  draft.key = name;
  draft.expires_at = expires_at;
  auto done = where_.create_memory(std::move(draft));
  if (done.has_error())
    return done.error();
  return document{done->id, name, std::move(proven), done->created_at,
                  done->updated_at};
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
      if (auto one = document_of(each.memory))
        out.push_back(std::move(*one));
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
