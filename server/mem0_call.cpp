// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/mem0_call.hpp"

#include <algorithm>
#include <charconv>
#include <future>

#include <boost/json.hpp>

namespace cloister::server::mem0 {

namespace json = boost::json;

namespace {

bool is_own(const scope& name) {
  auto segments = name.segments();
  return std::find(segments.begin(), segments.end(), own_segment)
         != segments.end();
}

/// Documents are no memories.
result<std::vector<scope>> without_own(result<std::vector<scope>> names) {
  if (names)
    std::erase_if(*names, [](const auto& each) { return is_own(each); });
  return names;
}

} // namespace

timestamp call::now() const {
  auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

std::optional<error> call::interrupted() const {
  constexpr std::chrono::seconds longest{60};
  if (http_->of().must_end)
    return error{errc::overloaded, "the server is stopping",
                 std::chrono::seconds{1}};
  if (std::chrono::steady_clock::now() - began_ > longest)
    return error{errc::timeout,
                 "this took longer than a minute; narrow the filters"};
  return std::nullopt;
}

result<json::object> call::body() const {
  return http_->body();
}

result<std::size_t> call::number_in_query(std::string_view name,
                                          std::size_t otherwise) const {
  auto text = http_->query(name);
  if (!text)
    return otherwise;
  std::size_t out = 0;
  auto end = text->data() + text->size();
  auto [behind, failed] = std::from_chars(text->data(), end, out);
  if (failed != std::errc{} || behind != end || out == 0)
    return error{errc::invalid_argument,
                 std::string{name} + " is a number from 1"};
  return out;
}

std::optional<error> call::refused(permissions needed,
                                   std::string_view operation) const {
  auto wanted = static_cast<unsigned>(needed);
  if ((static_cast<unsigned>(root_.allowed()) & wanted) == wanted)
    return std::nullopt;
  error why{errc::forbidden, "the key lacks the permission \""
                               + to_string(needed)
                               + "\"; use one that has it, or ask for a new "
                                 "key"};
  std::promise<error> noted;
  root_.refuse(operation, why, [&noted, why](const result<void>& done) {
    noted.set_value(done ? why : done.error());
  });
  return noted.get_future().get();
}

result<client> call::at(std::string_view name) const {
  return http_->client_of(std::string{name});
}

result<std::vector<scope>> call::scopes() const {
  return without_own(root_.find_scopes());
}

result<std::vector<scope>> call::scopes_at(std::string_view name) const {
  auto bound = at(name);
  if (bound.has_error())
    return bound.error();
  return without_own(bound->find_scopes());
}

result<call::found_memory> call::find(std::string_view text) const {
  auto id = memory_id::parse(text);
  if (id.has_error())
    return error{errc::invalid_argument, "memory_id should be a valid UUID"};
  error none{errc::not_found, "Memory not found!"};
  auto holders = root_.find_holders(*id);
  if (holders.has_error())
    return holders.error();
  for (const auto& name : *holders) {
    if (is_own(name))
      continue;
    auto bound = at(name.path());
    if (bound.has_error())
      return bound.error();
    auto found = bound->get_memory(*id);
    if (found)
      return found_memory{*bound, std::move(*found)};
    if (found.error().code != errc::not_found
        && found.error().code != errc::erased)
      return found.error();
  }
  return none;
}

/// Why a request cannot be taken for what it says.
std::optional<error> ambiguous(const exchange& http) {
  for (const auto& kind : entity_kinds)
    if (std::count_if(
          http.target.query.begin(), http.target.query.end(),
          [&](const auto& each) { return each.first == kind.field; })
        > 1)
      return error{errc::invalid_argument,
                   std::string{kind.field} + " was given twice"};
  // Whoever stands between and sets it must not be passed over.
  if (http.request().count("x-user-id") > 0)
    return error{
      errc::invalid_argument,
      "mem0's addresses do not take X-User-ID: who is meant stands "
      "in the address and the body; give a key that is rooted there"};
  return std::nullopt;
}

void run(const exchange_ptr& http, handler work, unsigned status) {
  if (auto why = ambiguous(*http))
    return http->fail(*why);
  http->with_client_of("", [http, work, status](const client& root) {
    auto busy = [&http] {
      http->fail({errc::overloaded, "too many such requests wait; try again",
                  limits::overload_retry_hint});
    };
    auto turn = http->of().mem0_requests.take(root.bound_to());
    if (!turn)
      return busy();
    auto begun = http->of().mem0_threads.run(
      [http, work, status, root, turn] {
        auto done = work(call{http, root});
        if (done)
          http->answer(status, *done);
        else
          http->fail(done.error());
      },
      std::string{root.bound_to().organization().path()});
    if (!begun)
      busy();
  });
}

result<entity_ids> ids_in_object(const json::object& from) {
  entity_ids out;
  for (const auto& kind : entity_kinds) {
    auto given = from.if_contains(kind.field);
    if (given == nullptr || given->is_null())
      continue;
    if (given->is_string())
      out.*kind.of = std::string{given->get_string()};
    else if (given->is_int64() || given->is_uint64())
      out.*kind.of = json::serialize(*given);
    else
      return error{errc::invalid_argument,
                   std::string{kind.field} + " is a text"};
    if ((out.*kind.of)->empty())
      return error{errc::invalid_argument,
                   std::string{kind.field} + " is empty"};
  }
  return out;
}

entity_ids ids_in_query(const exchange& http) {
  entity_ids out;
  for (const auto& kind : entity_kinds)
    out.*kind.of = http.query(kind.field);
  return out;
}

} // namespace cloister::server::mem0
