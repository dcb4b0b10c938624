// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "server/exchange.hpp"
#include "server/mem0_names.hpp"

namespace cloister::server::mem0 {

/// One request of mem0's client. It may have to look at many scopes, one after
/// the other, and so runs on a thread that may block.
class call {
public:
  call(exchange_ptr http, const client& root)
    : http_(std::move(http)), root_(root) {}

  exchange& http() const {
    return *http_;
  }
  /// What the key is rooted at.
  const client& root() const {
    return root_;
  }
  timestamp now() const;

  /// The body as an object: what it has that nobody knows is passed over.
  /// Fails with `invalid_argument`.
  result<boost::json::object> body() const;
  /// Those of the query: what is not there is `otherwise`. Fails with
  /// `invalid_argument` for what is no number, or 0.
  result<std::size_t> number_in_query(std::string_view name,
                                      std::size_t otherwise) const;

  /// Why the key may not do what needs a permission, if so; that it was asked
  /// for is in the audit trail then. `operation` is what it is called there.
  std::optional<error> refused(permissions needed,
                               std::string_view operation) const;

  /// Why it must not go on, if so: the server ends, or it has taken too long.
  std::optional<error> interrupted() const;

  /// A client for a scope, by its path or as a user_id.
  result<client> at(std::string_view name) const;

  /// The scopes that the key reaches, without the one of our own.
  result<std::vector<scope>> scopes() const;

  /// Those at one of them and below.
  result<std::vector<scope>> scopes_at(std::string_view name) const;

  /// A memory, and where it is. Fails with `invalid_argument` for what is no
  /// UUID, and with `not_found`.
  struct found_memory {
    client where;
    cloister::memory memory;
  };
  result<found_memory> find(std::string_view id) const;

private:
  exchange_ptr http_;
  client root_;
  std::chrono::steady_clock::time_point began_
    = std::chrono::steady_clock::now();
};

/// A handler of a route: what it answers, with 200.
using handler = result<boost::json::value> (*)(const call&);

/// Runs it on a thread that may block, and answers.
void run(const exchange_ptr& http, handler work, unsigned status = 200);

/// The ids in an object, or in the query, as texts. Fails with
/// `invalid_argument` for other types.
result<entity_ids> ids_in_object(const boost::json::object& from);
entity_ids ids_in_query(const exchange& http);

} // namespace cloister::server::mem0
