// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <vector>

#include "server/mem0_call.hpp"

/// Lists and searches over all scopes that a filter of mem0's means.
namespace cloister::server::mem0 {

/// Scopes whose memories pass the same filter of ours.
struct scope_group {
  /// Empty for all.
  std::string filter;
  std::vector<scope> scopes;
};

/// Fails with `invalid_argument` for what is wrong with the filters, and where
/// they name nobody.
result<std::vector<scope_group>> groups_of(const call& of,
                                           const boost::json::object& filters);

/// All that pass, the newest first, hidden ones if wanted. Fails with
/// `too_large` for more than 10,000.
result<std::vector<located_memory>>
gather(const call& of, std::span<const scope_group> groups, bool shows_hidden);

struct search_wish {
  std::string query;
  std::size_t top_k = 10;
  double threshold = 0.1;
  bool shows_hidden = false;
};

/// The best `top_k`; where fewer match, the newest others follow, at the
/// threshold.
result<std::vector<search_hit>> search(const call& of,
                                       std::span<const scope_group> groups,
                                       const search_wish& wish);

} // namespace cloister::server::mem0
