// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include <boost/json/fwd.hpp>
#include <boost/json/storage_ptr.hpp>

#include "core/memory_event.hpp"
#include "runtime/backup.hpp"
#include "runtime/receipt.hpp"
#include "runtime/rotation.hpp"
#include "runtime/types.hpp"

/// Cloister's values as JSON, the same on the command line and over the
/// network. Names and shapes are part of the public contract.
namespace cloister::wire {

// -- what an answer has many of: all in `storage`, which must outlive them --

boost::json::object to_json(const memory& value, const scope& where,
                            boost::json::storage_ptr storage = {});
boost::json::object to_json(const located_memory& found,
                            boost::json::storage_ptr storage = {});
/// The memory with its score.
boost::json::object to_json(const search_hit& hit,
                            boost::json::storage_ptr storage = {});
/// `{"results", "cursor"}`.
boost::json::object to_json(const memory_list& page,
                            boost::json::storage_ptr storage = {});
/// `{"results"}`.
boost::json::object to_json(const search_results& found,
                            boost::json::storage_ptr storage = {});

// -- and the rest --

boost::json::object to_json(const key_info& key);
/// What is known of it, with its text.
boost::json::object to_json(const new_key& made);
/// As a server is asked for one.
boost::json::object to_json(const key_options& wanted);
boost::json::object to_json(const scope_summary& summary);
/// The same with what it holds and may not exceed, as it is shown alone.
boost::json::object to_json_with_limits(const scope_summary& shown);
/// An organization, with what becomes of it.
boost::json::object organization_to_json(const scope_summary& summary);
boost::json::object to_json(const quota& limits);
boost::json::object to_json(const session_info& session);
boost::json::object to_json(const memory_event& event, const scope& where);
boost::json::object to_json(const erasure_receipt& receipt);
boost::json::object to_json(const audit_record& record);
/// `{"results", "cursor"}`.
boost::json::object to_json(const audit_list& page);
boost::json::object to_json(const audit_verification& report);
boost::json::object to_json(const backup_summary& made, std::string_view file);
boost::json::object to_json(const rotation_report& done);

} // namespace cloister::wire
