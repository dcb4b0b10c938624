// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/json/fwd.hpp>

#include "runtime/checkpoint.hpp"
#include "runtime/receipt.hpp"
#include "runtime/types.hpp"

/// What a server answers, as the runtime's values: the other direction of
/// output.hpp. Members that are not known are passed over, since a newer server
/// has more. Each fails with `unavailable` for what is no such answer.
namespace cloister::wire {

result<located_memory> parse_memory(const boost::json::value& from);
result<memory_list> parse_memory_list(const boost::json::value& from);
result<search_results> parse_search_results(const boost::json::value& from);
result<key_info> parse_key(const boost::json::value& from);
result<new_key> parse_new_key(const boost::json::value& from);
result<scope_summary> parse_scope(const boost::json::value& from);
result<scope_listing> parse_scope_listing(const boost::json::value& from);
result<quota> parse_quota(const boost::json::value& from);
result<session_info> parse_session(const boost::json::value& from);
result<erasure_receipt> parse_receipt(const boost::json::value& from);
result<audit_list> parse_audit_list(const boost::json::value& from);
result<audit_verification> parse_verification(const boost::json::value& from);

/// A problem document, or whatever else was answered with that status.
error parse_problem(unsigned status, std::string_view body);

} // namespace cloister::wire
