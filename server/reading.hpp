// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "server/exchange.hpp"
#include "wire/object_reader.hpp"

/// What several routes read from a request in the same way.
namespace cloister::server {

/// Parses the body, lets `read(reader)` take what it knows, and refuses the
/// rest. Answers the error itself: nothing then.
template <class Read>
auto read_body(const exchange_ptr& call, Read read)
  -> std::optional<decltype(read(std::declval<wire::object_reader&>()))> {
  auto body = call->body();
  if (body.has_error()) {
    call->fail(body.error());
    return std::nullopt;
  }
  wire::object_reader reader{*body};
  auto out = read(reader);
  if (auto done = reader.finish(); done.has_error()) {
    call->fail(done.error());
    return std::nullopt;
  }
  return out;
}

/// The id in the path, or nothing: then it was answered that there is no such
/// memory, as for one that never was.
std::optional<memory_id> read_memory_id(const exchange_ptr& call);

/// "5" of `If-Match: "5"`. Answers the error itself: nothing then.
struct precondition {
  std::optional<std::uint32_t> revision;
};
std::optional<precondition> read_if_match(const exchange_ptr& call);

/// A number in the query; `otherwise` if absent. Answers the error itself:
/// nothing then.
std::optional<std::size_t> read_number(const exchange_ptr& call,
                                       std::string_view name,
                                       std::size_t otherwise);
/// The one that is called "limit".
std::optional<std::size_t> read_limit(const exchange_ptr& call,
                                      std::size_t otherwise);

/// "true" or "1" in the query. Answers the error itself: nothing then.
std::optional<bool> read_flag(const exchange_ptr& call, std::string_view name);

/// What an audit trail is asked for. Answers the error itself: nothing then.
std::optional<audit_options> read_audit_options(const exchange_ptr& call);

/// "a,b" in the query.
std::vector<std::string> read_names(const exchange_ptr& call,
                                    std::string_view name);

/// Room for so many results, from before they are read until they are written.
/// What they really take shows only then. Nothing if it answered that there is
/// none.
tenant_shares::turn take_room_for(const exchange_ptr& call, const client& bound,
                                  std::size_t results);

/// Refuses parameters of the query that the route does not have: a misspelt
/// filter must not be none. False if it answered that.
bool check_query(const exchange_ptr& call);

} // namespace cloister::server
