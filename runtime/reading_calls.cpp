// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <cmath>

#include "core/utf8.hpp"
#include "runtime/client_impl.hpp"

namespace cloister {

using auth::operation;

namespace {

result<void> check_page(std::size_t limit) {
  if (limit < 1 || limit > limits::page_results_max)
    return error{errc::invalid_argument, "limit is 1 to 1000"};
  return {};
}

result<std::optional<memory_filter>>
parsed_filter(const std::optional<std::string>& text) {
  if (!text)
    return std::optional<memory_filter>{};
  auto parsed = memory_filter::parse(*text);
  if (parsed.has_error())
    return parsed.error();
  return std::optional{std::move(*parsed)};
}

/// What lists and searches have in common.
template <class Options>
result<std::optional<memory_filter>> check_narrowing(const Options& options) {
  if (auto ok = check_page(options.limit); ok.has_error())
    return ok.error();
  if (options.memory_type)
    if (auto ok = validate_type(*options.memory_type); ok.has_error())
      return ok.error();
  return parsed_filter(options.filter);
}

/// Leaves what its mode does not compare by away. Fails with
/// `invalid_argument`.
result<void> apply_mode(search_options& options) {
  auto has_vector = !options.embedding.empty();
  if (!has_vector
      && (options.mode == search_mode::vector
          || options.mode == search_mode::hybrid))
    return error{errc::invalid_argument,
                 "this mode needs an embedding; give one, or search by words: "
                 "lexical"};
  if (options.mode == search_mode::lexical)
    options.embedding.clear();
  if (options.mode == search_mode::vector)
    options.query.clear();
  if (options.query.empty() && options.mode == search_mode::hybrid)
    return error{errc::invalid_argument,
                 "a hybrid search needs a query, too; the mode \"vector\" does "
                 "without"};
  return {};
}

result<void> check_embedding(const std::vector<float>& embedding) {
  if (embedding.size() > limits::embedding_dimensions_max)
    return error{errc::too_large, "embedding exceeds 4096 dimensions"};
  for (auto component : embedding)
    if (!std::isfinite(component))
      return error{errc::invalid_argument,
                   "embedding contains a value that is not finite"};
  return {};
}

result<void> check_query(const search_options& options) {
  if (options.query.empty() && options.embedding.empty())
    return error{errc::invalid_argument,
                 "the query is empty; give some words, or list the memories"};
  if (auto ok = check_embedding(options.embedding); ok.has_error())
    return ok;
  if (!(options.min_score >= 0 && options.min_score <= 1))
    return error{errc::invalid_argument, "min_score is 0 to 1"};
  if (options.timeout.count() < 1
      || options.timeout > limits::request_timeout_max)
    return error{errc::invalid_argument, "timeout is 1 ms to 10 minutes"};
  if (options.query.size() > limits::query_bytes_max)
    return error{errc::too_large, "the query exceeds 64 KiB"};
  if (!is_utf8(options.query))
    return error{errc::invalid_argument, "the query is not valid UTF-8"};
  return {};
}

} // namespace

call<memory_list> client::impl::list(list_options options) const {
  auto filter = check_narrowing(options);
  if (filter.has_error())
    co_return filter.error();
  auto is_subtree
    = options.reach == visibility::subtree || !options.found_scopes.empty();
  auto scopes = co_await covered(operation::list_memories, options.reach,
                                 std::move(options.scopes),
                                 std::move(options.found_scopes));
  if (scopes.has_error())
    co_return scopes.error();
  auto asked = options.memory_type.value_or("") + '\n'
               + options.filter.value_or("")
               + (options.oldest_first ? "\noldest first" : "");
  auto at = position_of(options.cursor, *scopes, asked);
  if (at.has_error())
    co_return at.error();
  memory_list out;
  // As it is written in an answer.
  constexpr std::size_t number_bytes = 16;
  std::size_t carried = 0;
  auto after = at->after;
  auto how = actors::counted::call;
  for (auto i = at->scope; i < scopes->size();) {
    auto room = options.limit - out.results.size();
    auto where = (*scopes)[i];
    // The next page may be as large as an answer.
    if (room == 0 || carried > limits::answer_bytes_max / 2) {
      out.cursor = make_cursor(where->name(), asked, after);
      co_return out;
    }
    engine::operation what{engine::list_memories{
      options.memory_type, *filter, room, after, options.oldest_first}};
    auto page = co_await perform<engine::memory_page>(
      where, operation::list_memories, std::move(what), how);
    // It may have ended since it was listed.
    if (page.has_error() && page.error().code == errc::erased && is_subtree
        && (i > 0 || where->name() != binding->name()))
      page = std::optional<engine::memory_page>{};
    if (page.has_error())
      co_return page.error();
    after.reset();
    if (*page) {
      after = (*page)->next;
      for (auto& value : (*page)->memories) {
        carried += value.content.size() + value.metadata.size()
                   + value.embedding.size() * number_bytes;
        out.results.push_back({std::move(value), where->name()});
      }
    }
    // A page that was cut short goes on in the same scope.
    how = after ? actors::counted::nothing : actors::counted::further_scope;
    if (!after)
      ++i;
  }
  co_return out;
}

call<search_results> client::impl::search(search_options options) const {
  if (auto ok = apply_mode(options); ok.has_error())
    co_return ok.error();
  if (auto ok = check_query(options); ok.has_error())
    co_return ok.error();
  auto filter = check_narrowing(options);
  if (filter.has_error())
    co_return filter.error();
  auto is_subtree
    = options.reach == visibility::subtree || !options.found_scopes.empty();
  auto scopes = co_await covered(operation::search_memories, options.reach,
                                 std::move(options.scopes),
                                 std::move(options.found_scopes));
  if (scopes.has_error())
    co_return scopes.error();
  engine::search_memories what;
  what.query = std::move(options.query);
  what.embedding = std::move(options.embedding);
  what.limit = options.limit;
  what.type = std::move(options.memory_type);
  what.filter = std::move(*filter);
  what.min_score = options.min_score;
  auto hits = co_await node->gateway->search(
    std::move(*scopes), who, std::move(what), options.timeout, is_subtree);
  if (hits.has_error())
    co_return hits.error();
  search_results out;
  for (auto& found : *hits)
    out.results.push_back(
      {std::move(found.hit.memory), found.where, found.hit.score});
  co_return out;
}

} // namespace cloister
