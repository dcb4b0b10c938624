// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/remote_client.hpp"

#include <set>

#include <boost/json.hpp>

#include "cli/server_connection.hpp"
#include "core/json_text.hpp"
#include "core/rfc3339.hpp"
#include "wire/answers.hpp"
#include "wire/object_reader.hpp"
#include "wire/output.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;
using server::http_method;
using server::percent_encoded;

/// "?a=b&c=d" of what is there.
class query_text {
public:
  void add(std::string_view name, std::string_view value) {
    text_ += (text_.empty() ? '?' : '&');
    text_ += std::string{name} + '=' + percent_encoded(value);
  }
  void add_if(std::string_view name, const std::optional<std::string>& value) {
    if (value)
      add(name, *value);
  }
  const std::string& text() const {
    return text_;
  }

private:
  std::string text_;
};

std::string_view name_of(visibility reach) {
  switch (reach) {
    case visibility::inherited:
      return "inherited";
    case visibility::subtree:
      return "subtree";
    default:
      return "self";
  }
}

json::array texts(const std::vector<std::string>& from) {
  json::array out;
  for (const auto& each : from)
    out.emplace_back(each);
  return out;
}

/// Its text is JSON: it was put into canonical form, or the server says why
/// not.
json::value parsed(const std::string& text) {
  boost::system::error_code failed;
  auto out = json::parse(text, failed);
  return failed ? json::value(text) : out;
}

double seconds_of(std::chrono::milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

json::object body_of(const memory_draft& draft) {
  json::object out{{"content", draft.content},
                   {"memory_type", draft.memory_type},
                   {"metadata", parsed(draft.metadata)}};
  if (draft.key)
    out["key"] = *draft.key;
  if (!draft.embedding.empty())
    out["embedding"] = json::value_from(draft.embedding);
  if (draft.expires_at)
    out["expires_at"] = to_rfc3339(*draft.expires_at);
  if (draft.created_at)
    out["created_at"] = to_rfc3339(*draft.created_at);
  return out;
}

json::object body_of(const memory_patch& patch) {
  json::object out;
  if (patch.content)
    out["content"] = *patch.content;
  if (patch.memory_type)
    out["memory_type"] = *patch.memory_type;
  if (patch.metadata)
    out["metadata"] = parsed(*patch.metadata);
  if (patch.embedding)
    out["embedding"] = json::value_from(*patch.embedding);
  if (patch.expires_at)
    out["expires_at"] = *patch.expires_at
                          ? json::value(to_rfc3339(**patch.expires_at))
                          : json::value(nullptr);
  return out;
}

template <class T, class Parse>
result<std::vector<T>> rows_of(const json::value& from, Parse parse) {
  std::vector<T> out;
  auto object = from.if_object();
  auto list = object != nullptr ? object->if_contains("results") : nullptr;
  if (list == nullptr || !list->is_array())
    return error{errc::unavailable, "the server's answer has no results"};
  for (const auto& each : list->get_array()) {
    auto row = parse(each);
    if (row.has_error())
      return row.error();
    out.push_back(std::move(*row));
  }
  return out;
}

result<memory> memory_of(const json::value& from) {
  auto found = wire::parse_memory(from);
  if (found.has_error())
    return found.error();
  return std::move(found->memory);
}

std::string path_of(const memory_id& id, std::string_view rest = "") {
  return "/v1/memories/" + id.to_string() + std::string{rest};
}

} // namespace

result<remote_client> remote_client::to(const std::string& url,
                                        const std::string& api_key,
                                        const std::string& user_id) {
  auto reached = server::http_client::to(url);
  if (reached.has_error())
    return reached.error();
  auto made = std::make_shared<server_connection>(
    server_connection{std::move(*reached), api_key, user_id});
  auto who = made->ask(http_method::get, "/v1/whoami");
  if (who.has_error())
    return who.error();
  auto object = who->if_object();
  auto named = object != nullptr ? object->if_contains("scope") : nullptr;
  if (named == nullptr || !named->is_string())
    return error{errc::unavailable,
                 "the server does not say whose the key is; is it a Cloister?"};
  auto bound_to = scope::parse(named->get_string());
  if (bound_to.has_error())
    return bound_to.error();
  return remote_client{std::move(made), std::move(*bound_to)};
}

std::string remote_client::own_path() const {
  return "/v1/scopes/" + percent_encoded(bound_to_.path());
}

// -- memories --

result<memory> remote_client::create_memory(memory_draft draft) const {
  return to_->get(memory_of, http_method::post, "/v1/memories", body_of(draft),
                  std::nullopt, draft.idempotency_key);
}

result<std::size_t>
remote_client::import_memories(std::vector<memory_draft> drafts) const {
  json::array rows;
  for (const auto& draft : drafts) {
    auto row = body_of(draft);
    if (draft.idempotency_key)
      row["idempotency_key"] = *draft.idempotency_key;
    rows.push_back(std::move(row));
  }
  json::object body;
  body["memories"] = std::move(rows);
  auto done = to_->ask(http_method::post, "/v1/import", body);
  if (done.has_error())
    return done.error();
  auto object = done->if_object();
  auto count = object != nullptr ? object->if_contains("imported") : nullptr;
  if (count == nullptr || !count->is_int64())
    return error{errc::unavailable, "the server's answer has no number"};
  return static_cast<std::size_t>(count->get_int64());
}

result<memory> remote_client::get_memory(const memory_id& id) const {
  return to_->get(memory_of, http_method::get, path_of(id));
}

result<memory_list>
remote_client::list_memories(const list_options& options) const {
  query_text query;
  query.add("limit", std::to_string(options.limit));
  query.add_if("memory_type", options.memory_type);
  query.add_if("filter", options.filter);
  query.add_if("cursor", options.cursor);
  query.add("order", options.oldest_first ? "oldest" : "newest");
  query.add("visibility", name_of(options.reach));
  for (const auto& each : options.scopes)
    query.add("scopes", each);
  return to_->get(wire::parse_memory_list, http_method::get,
                  "/v1/memories" + query.text());
}

result<search_results>
remote_client::search_memories(const search_options& options) const {
  json::object body{{"query", options.query},
                    {"limit", options.limit},
                    {"min_score", options.min_score},
                    {"visibility", name_of(options.reach)},
                    {"timeout_ms", options.timeout.count()}};
  if (options.memory_type)
    body["memory_type"] = *options.memory_type;
  if (options.filter)
    body["filter"] = parsed(*options.filter);
  if (!options.scopes.empty())
    body["scopes"] = texts(options.scopes);
  return to_->get(wire::parse_search_results, http_method::post,
                  "/v1/memories/search", body);
}

result<memory>
remote_client::update_memory(const memory_id& id, const memory_patch& patch,
                             std::optional<std::uint32_t> if_revision) const {
  return to_->get(memory_of, http_method::patch, path_of(id), body_of(patch),
                  if_revision);
}

result<void>
remote_client::delete_memory(const memory_id& id,
                             std::optional<std::uint32_t> if_revision) const {
  auto done
    = to_->ask(http_method::remove, path_of(id), std::nullopt, if_revision);
  if (done.has_error())
    return done.error();
  return {};
}

result<std::uint64_t> remote_client::delete_all_memories() const {
  query_text query;
  query.add("confirm", bound_to_.path());
  auto done = to_->ask(http_method::remove, "/v1/memories" + query.text());
  if (done.has_error())
    return done.error();
  auto object = done->if_object();
  auto count = object != nullptr ? object->if_contains("deleted") : nullptr;
  boost::system::error_code failed;
  return count != nullptr ? count->to_number<std::uint64_t>(failed) : 0;
}

result<std::vector<memory>>
remote_client::memory_history(const memory_id& id) const {
  return to_->get(
    [](const json::value& from) { return rows_of<memory>(from, memory_of); },
    http_method::get, path_of(id, "/history"));
}

result<memory> remote_client::restore_memory(const memory_id& id,
                                             std::uint32_t revision) const {
  return to_->get(memory_of, http_method::post, path_of(id, "/restore"),
                  json::object{{"revision", revision}});
}

result<located_memory> remote_client::share_memory(const memory_id& id,
                                                   std::string_view to) const {
  return to_->get(wire::parse_memory, http_method::post, path_of(id, "/share"),
                  json::object{{"to", to}});
}

// -- sessions --

result<remote_session>
remote_client::open_session(const session_options& options) const {
  json::object body{{"resumable", options.resumable},
                    {"idle_timeout", seconds_of(options.idle_timeout)},
                    {"absolute_timeout", seconds_of(options.absolute_timeout)},
                    {"lease", seconds_of(options.lease)}};
  auto info
    = to_->get(wire::parse_session, http_method::post, "/v1/sessions", body);
  if (info.has_error())
    return info.error();
  return remote_session{std::move(*info)};
}

result<std::vector<session_info>> remote_client::list_sessions() const {
  return to_->get(
    [](const json::value& from) {
      return rows_of<session_info>(from, wire::parse_session);
    },
    http_method::get, "/v1/sessions");
}

namespace {

/// This scope's own, or one below.
std::string session_path(const scope& bound_to, std::string_view name,
                         std::string_view rest = "") {
  return "/v1/sessions/"
         + percent_encoded(name.empty() ? bound_to.path() : name)
         + std::string{rest};
}

} // namespace

result<session_info> remote_client::renew_session(std::string_view name) const {
  return to_->get(wire::parse_session, http_method::post,
                  session_path(bound_to_, name, "/renew"), json::object{});
}

result<erasure_receipt>
remote_client::end_session(std::string_view name) const {
  return to_->get(wire::parse_receipt, http_method::remove,
                  session_path(bound_to_, name));
}

result<std::vector<located_memory>>
remote_client::promote_memories(const std::vector<memory_id>& ids,
                                std::string_view to) const {
  json::array named;
  for (const auto& each : ids)
    named.emplace_back(each.to_string());
  json::object body{{"ids", std::move(named)}};
  if (!to.empty())
    body["to"] = to;
  return to_->get(
    [](const json::value& from) {
      return rows_of<located_memory>(from, wire::parse_memory);
    },
    http_method::post, session_path(bound_to_, "", "/promote"), body);
}

// -- keys --

result<new_key> remote_client::create_key(const key_options& options) const {
  return to_->get(wire::parse_new_key, http_method::post, "/v1/keys",
                  wire::to_json(options));
}

result<std::vector<key_info>> remote_client::list_keys() const {
  return to_->get(
    [](const json::value& from) {
      return rows_of<key_info>(from, wire::parse_key);
    },
    http_method::get, "/v1/keys");
}

result<key_info> remote_client::revoke_key(std::string_view key) const {
  return to_->get(wire::parse_key, http_method::remove,
                  "/v1/keys/" + percent_encoded(key));
}

// -- scopes --

result<scope_listing> remote_client::list_scopes() const {
  return to_->get(wire::parse_scope_listing, http_method::get, "/v1/scopes");
}

result<scope_summary> remote_client::show_scope() const {
  return to_->get(wire::parse_scope, http_method::get, own_path());
}

result<quota>
remote_client::configure_scope(const quota_changes& changes) const {
  json::object body;
  for (const auto& field : quota_fields)
    if (const auto& change = changes.*field.change)
      body[field.name] = *change ? json::value(**change) : json::value(nullptr);
  return to_->get(
    [](const json::value& from) -> result<quota> {
      auto object = from.if_object();
      auto limits = object != nullptr ? object->if_contains("limits") : nullptr;
      if (limits == nullptr)
        return error{errc::unavailable, "the server answered no limits"};
      return wire::parse_quota(*limits);
    },
    http_method::patch, own_path(), body);
}

result<erasure_receipt>
remote_client::erase_scope(const erase_options& options) const {
  return to_->get(
    wire::parse_receipt, http_method::remove,
    own_path()
      + (options.with_shared_copies ? "?with_shared_copies=true" : ""));
}

result<erasure_receipt>
remote_client::find_receipt(std::string_view name) const {
  auto where
    = name.empty() ? result<scope>{bound_to_} : bound_to_.resolve(name);
  if (where.has_error())
    return where.error();
  return to_->get(wire::parse_receipt, http_method::get,
                  "/v1/scopes/" + percent_encoded(where->path()) + "/receipt");
}

result<void> remote_client::reinstate_scope() const {
  auto done
    = to_->ask(http_method::post, own_path() + "/reinstate", json::object{});
  if (done.has_error())
    return done.error();
  return {};
}

// -- audit --

result<audit_list>
remote_client::list_audit(const audit_options& options) const {
  query_text query;
  query.add("limit", std::to_string(options.limit));
  query.add_if("cursor", options.cursor);
  query.add_if("operation", options.operation);
  query.add_if("outcome", options.outcome);
  query.add_if("principal", options.principal);
  if (options.since)
    query.add("since", to_rfc3339(*options.since));
  return to_->get(wire::parse_audit_list, http_method::get,
                  "/v1/audit" + query.text());
}

result<audit_checkpoint> remote_client::make_checkpoint() const {
  auto text = to_->text(http_method::get, "/v1/audit/checkpoint");
  if (text.has_error())
    return text.error();
  return parse_audit_checkpoint(*text);
}

result<audit_export_summary>
remote_client::export_audit(const audit_line_sink& sink) const {
  auto text = to_->text(http_method::get, "/v1/audit/export");
  if (text.has_error())
    return text.error();
  audit_export_summary out;
  std::set<std::string> chains;
  for (std::size_t at = 0; at < text->size();) {
    auto end = std::min(text->find('\n', at), text->size());
    auto line = text->substr(at, end - at);
    at = end + 1;
    auto document = wire::parse_json(line);
    auto object = document ? document->if_object() : nullptr;
    if (object != nullptr && object->contains("sealed")) {
      ++out.entries;
      if (auto chain = object->at("chain").if_string())
        chains.insert(std::string{*chain});
    }
    if (!sink(line))
      break;
  }
  out.chains = chains.size();
  return out;
}

result<audit_verification> remote_client::verify_audit(
  const std::optional<audit_checkpoint>& against) const {
  if (against)
    return error{errc::invalid_argument,
                 "a server does not verify against a checkpoint; export the "
                 "trail, and verify that with --export and --checkpoint"};
  return to_->get(wire::parse_verification, http_method::get,
                  "/v1/audit/verify");
}

} // namespace cloister::cli
