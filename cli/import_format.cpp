// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/import_format.hpp"

#include <algorithm>

#include <boost/json.hpp>

#include "core/json_text.hpp"
#include "core/rfc3339.hpp"
#include "core/utf8.hpp"
#include "runtime/digest.hpp"
#include "server/mem0_import.hpp"

namespace cloister::cli {

namespace json = boost::json;

namespace {

result<std::string> text_field(const json::object& object, const char* name) {
  auto found = object.if_contains(name);
  if (found == nullptr || found->is_null())
    return std::string{};
  if (!found->is_string())
    return error{errc::invalid_argument,
                 std::string{"\""} + name + "\" must be a text"};
  return std::string{found->as_string()};
}

/// A field that is misspelt would be lost without a word.
result<void> check_fields(const json::object& object) {
  constexpr std::string_view known[]{"content",   "user_id", "memory_type",
                                     "metadata",  "key",     "created_at",
                                     "expires_at"};
  for (const auto& member : object) {
    std::string_view name{member.key().data(), member.key().size()};
    if (std::find(std::begin(known), std::end(known), name) == std::end(known))
      return error{errc::invalid_argument,
                   "there is no field \"" + std::string{name}
                     + "\"; put what is your own into \"metadata\""};
  }
  return {};
}

/// The list that an answer of mem0 has its memories in.
const json::array* rows_of(const json::value& document) {
  if (document.is_array())
    return &document.get_array();
  auto object = document.if_object();
  for (auto name : {"results", "memories"}) {
    auto found = object != nullptr ? object->if_contains(name) : nullptr;
    if (found != nullptr && found->is_array())
      return &found->get_array();
  }
  return nullptr;
}

result<imported_line> imported_from_mem0(const json::value& row) {
  auto object = row.if_object();
  if (object == nullptr)
    return error{errc::invalid_argument,
                 "a memory is an object, like {\"memory\": …}"};
  auto read = server::mem0::read_imported(*object);
  if (read.has_error())
    return read.error();
  auto known = read->id.empty() ? text_digest(to_json_text(row))
                                : "mem0 " + text_digest(read->id);
  return imported_line{std::move(read->user_id), std::move(read->draft),
                       std::move(known)};
}

} // namespace

result<imported_line> parse_line(const std::string& text) {
  boost::system::error_code code;
  auto value = json::parse(text, code);
  if (!is_utf8(text))
    return error{errc::invalid_argument, "not valid UTF-8"};
  if (code || !value.is_object())
    return error{errc::invalid_argument,
                 "not a JSON object; each line is one, like {\"content\": …}"};
  const auto& object = value.as_object();
  if (!object.contains("content") && object.contains("memory"))
    return error{errc::invalid_argument,
                 "this looks like mem0's; give --format mem0"};
  if (!object.contains("content"))
    return error{errc::invalid_argument, "the field \"content\" is missing"};
  if (auto done = check_fields(object); done.has_error())
    return done.error();
  imported_line line;
  for (auto [name, to] :
       std::initializer_list<std::pair<const char*, std::string*>>{
         {"user_id", &line.user_id}, {"content", &line.draft.content}}) {
    auto field = text_field(object, name);
    if (field.has_error())
      return field.error();
    *to = std::move(*field);
  }
  if (auto named = object.if_contains("user_id");
      named && !named->is_null() && line.user_id.empty())
    return error{errc::invalid_argument,
                 "\"user_id\" is empty; leave it away for the bound scope"};
  auto type = text_field(object, "memory_type");
  auto key = text_field(object, "key");
  auto created = text_field(object, "created_at");
  auto expires = text_field(object, "expires_at");
  for (const auto* field : {&type, &key, &created, &expires})
    if (field->has_error())
      return field->error();
  if (!type->empty())
    line.draft.memory_type = *type;
  if (!key->empty())
    line.draft.key = *key;
  if (!created->empty()) {
    auto at = parse_rfc3339(*created);
    if (at.has_error())
      return error{at.error().code, "\"created_at\": " + at.error().detail};
    line.draft.created_at = *at;
  }
  if (!expires->empty()) {
    auto at = parse_rfc3339(*expires);
    if (at.has_error())
      return error{at.error().code, "\"expires_at\": " + at.error().detail};
    line.draft.expires_at = *at;
  }
  if (auto metadata = object.if_contains("metadata");
      metadata && !metadata->is_null())
    line.draft.metadata = to_json_text(*metadata);
  line.identity = text_digest(text);
  return line;
}

struct mem0_reader::parts {
  explicit parts(taker to) : taken(std::move(to)) {}

  taker taken;
  json::stream_parser parser;
  bool has_begun = false;

  result<void> take(const json::value& document) {
    auto rows = rows_of(document);
    if (rows == nullptr)
      return taken(imported_from_mem0(document));
    for (const auto& row : *rows)
      if (auto done = taken(imported_from_mem0(row)); done.has_error())
        return done;
    return {};
  }
};

mem0_reader::mem0_reader(taker taken)
  : parts_(std::make_unique<parts>(std::move(taken))) {}

mem0_reader::~mem0_reader() = default;

result<void> mem0_reader::add(std::string_view piece) {
  auto& [taken, parser, has_begun] = *parts_;
  while (!piece.empty()) {
    if (!has_begun) {
      constexpr std::string_view between = " \t\r\n";
      piece.remove_prefix(
        std::min(piece.find_first_not_of(between), piece.size()));
      has_begun = !piece.empty();
      continue;
    }
    boost::system::error_code failed;
    auto used = parser.write_some(piece.data(), piece.size(), failed);
    if (failed)
      return error{errc::invalid_argument,
                   "this is no JSON (" + failed.message()
                     + "); give what mem0's getAll or an export answered"};
    piece.remove_prefix(used);
    if (!parser.done())
      continue;
    auto document = parser.release();
    parser.reset();
    has_begun = false;
    if (auto done = parts_->take(document); done.has_error())
      return done;
  }
  return {};
}

result<void> mem0_reader::finish() {
  if (!parts_->has_begun)
    return {};
  boost::system::error_code failed;
  parts_->parser.finish(failed);
  if (failed)
    return error{errc::invalid_argument,
                 "the file ends in the middle of something"};
  auto document = parts_->parser.release();
  parts_->has_begun = false;
  return parts_->take(document);
}

} // namespace cloister::cli
