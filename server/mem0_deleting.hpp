// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "server/mem0_call.hpp"

namespace cloister::server::mem0 {

/// Notes a change for the organization's webhooks. A change that was made and
/// could not be noted is answered as one whose outcome is not known.
result<void> tell_webhooks(const call& of, std::string_view event,
                           const memory_id& id);

/// Deletes all memories of all scopes that the key reaches. Answers how many.
result<std::uint64_t> delete_everywhere(const call& of);

/// Those of the scopes that filters mean; one by one where the filters are
/// about the memories themselves. Answers how many.
result<std::uint64_t> delete_matching(const call& of,
                                      const boost::json::object& filters,
                                      bool one_by_one);

} // namespace cloister::server::mem0
