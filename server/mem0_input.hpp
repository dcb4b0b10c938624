// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "runtime/types.hpp"
#include "server/mem0_call.hpp"

/// What mem0's clients send, as ours. Each fails with `invalid_argument`.
namespace cloister::server::mem0 {

/// A text that must be there.
result<std::string> text_in(const boost::json::object& from,
                            std::string_view name);
std::optional<double> number_in(const boost::json::object& from,
                                std::string_view name);
/// Seconds since 1970, or a text. Nothing where it is absent.
result<std::optional<timestamp>> time_in(const boost::json::object& from,
                                         std::string_view name);
bool flag_in(const boost::json::object& from, std::string_view name);

/// What mem0 knows of a memory and we do not.
result<boost::json::object> own_members(const boost::json::object& body);

/// Metadata as it is stored, with what mem0 alone knows.
result<std::string> metadata_in(const boost::json::object& body);

/// What of a conversation is kept.
result<std::vector<memory_draft>> drafts_in(const boost::json::object& body);

/// `filters`, with what is said beside it; ids only for older versions.
result<boost::json::object> filters_in(const boost::json::object& body,
                                       bool takes_ids_beside);

struct page_wish {
  /// 0 for none.
  std::size_t page = 0;
  std::size_t size = 100;
};

/// Of the query, else of the body.
result<page_wish> page_in(const call& of, const boost::json::object& body);

} // namespace cloister::server::mem0
