// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "runtime/types.hpp"

/// Memories as mem0's clients see them. What they have that ours do not is kept
/// in a member of the metadata that is not shown.
namespace cloister::server::mem0 {

inline constexpr std::string_view own_member = "_mem0";
inline constexpr std::string_view expiration_path
  = "metadata._mem0.expiration_date";
inline constexpr std::string_view timestamp_path = "metadata._mem0.timestamp";
inline constexpr std::string_view categories_path = "metadata._mem0.categories";

/// The memory as the API has it, with both names of a run.
boost::json::object shown(const memory& value, const scope& where);

/// What mem0's expiration hides from searches and lists, and from nothing else:
/// its date has passed. `today` is "2026-01-31".
bool is_hidden(const memory& value, std::string_view today);
std::string today(timestamp now);

/// Checks "2026-01-31". Fails with `invalid_argument`.
result<std::string> checked_date(std::string_view text);

/// Metadata as it is stored: `given`, which may be null, with what is ours.
/// Fails with `invalid_argument` where it is no object, or has our member.
result<std::string> stored_metadata(const boost::json::value& given,
                                    boost::json::object own);

/// Every revision, oldest first, as what happened.
boost::json::array history_of(const std::vector<memory>& newest_first,
                              const scope& where);

} // namespace cloister::server::mem0
