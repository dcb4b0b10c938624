// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/mem0_call.hpp"
#include "server/route.hpp"

namespace cloister::server::mem0 {

/// A route of mem0's wire contract. Its addresses end with a slash, and are in
/// no description of ours.
template <handler Work, unsigned Status = 200>
route made(http_method method, std::string_view pattern,
           std::string_view operation) {
  route out;
  out.method = method;
  out.pattern = pattern;
  out.operation = operation;
  out.tag = mem0_tag;
  out.run = [](const exchange_ptr& http) { run(http, Work, Status); };
  out.status = Status;
  out.has_user_id = false;
  out.is_described = false;
  return out;
}

/// `{"count", "next", "previous", "results"}`, or the rows alone where no page
/// is asked for. `page` is 0 for all.
boost::json::value paged(boost::json::array rows, std::size_t page,
                         std::size_t page_size);

} // namespace cloister::server::mem0
