// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_import.hpp"

#include <boost/json.hpp>

#include "core/rfc3339.hpp"
#include "server/mem0_input.hpp"
#include "server/mem0_memory.hpp"
#include "server/mem0_names.hpp"

namespace cloister::server::mem0 {

namespace {

namespace json = boost::json;

/// A text, or nothing where there is none or null.
result<std::optional<std::string>> optional_text(const json::object& row,
                                                 std::string_view name) {
  auto found = row.if_contains(name);
  if (found == nullptr || found->is_null())
    return std::optional<std::string>{};
  if (!found->is_string() || found->get_string().empty())
    return error{errc::invalid_argument,
                 std::string{name} + " is a text, or null"};
  return std::optional{std::string{found->get_string()}};
}

/// A run has one of two names, by which version of mem0 listed it.
result<entity_ids> ids_of(const json::object& row) {
  entity_ids out;
  for (const auto& kind : entity_kinds) {
    auto id = optional_text(row, kind.field);
    if (id.has_error())
      return id.error();
    out.*kind.of = std::move(*id);
  }
  auto session = optional_text(row, "session_id");
  if (session.has_error())
    return session.error();
  if (!out.run)
    out.run = std::move(*session);
  return out;
}

result<std::optional<timestamp>> created_at(const json::object& row) {
  auto text = optional_text(row, "created_at");
  if (text.has_error())
    return text.error();
  if (!*text)
    return std::optional<timestamp>{};
  auto at = parse_rfc3339(**text);
  if (at.has_error())
    return error{at.error().code, "created_at: " + at.error().detail};
  return std::optional{*at};
}

} // namespace

namespace {

/// As the TypeScript client hands members on: "userId" for "user_id".
json::object in_snake_case(const json::object& row) {
  json::object out;
  for (const auto& [key, value] : row) {
    std::string name;
    for (char letter : key) {
      if (letter >= 'A' && letter <= 'Z') {
        name += '_';
        letter = static_cast<char>(letter - 'A' + 'a');
      }
      name += letter;
    }
    out[name] = value;
  }
  return out;
}

} // namespace

result<imported_memory> read_imported(const json::object& given_row) {
  const auto row = in_snake_case(given_row);
  auto content = text_in(row, "memory");
  if (content.has_error())
    return content.error();
  auto ids = ids_of(row);
  if (ids.has_error())
    return ids.error();
  auto metadata = metadata_in(row);
  if (metadata.has_error())
    return metadata.error();
  auto created = created_at(row);
  if (created.has_error())
    return created.error();
  auto id = optional_text(row, "id");
  if (id.has_error())
    return id.error();
  imported_memory out;
  if (!ids->is_empty()) {
    auto user_id = user_id_of(*ids);
    if (user_id.has_error())
      return user_id.error();
    out.user_id = std::move(*user_id);
  }
  out.id = id->value_or("");
  out.draft.content = std::move(*content);
  out.draft.metadata = std::move(*metadata);
  out.draft.created_at = *created;
  return out;
}

} // namespace cloister::server::mem0
