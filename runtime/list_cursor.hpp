// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/gateway.hpp"

namespace cloister {

using bindings = std::vector<std::shared_ptr<actors::scope_binding>>;

// A list's cursor: base32 of a hash of what is asked for and of the path of the
// scope to go on with, and of the sequence number to go on after. Memories and
// other scopes may come and go.

/// `asked` is what narrows the list: a cursor of another list is none of this.
std::string make_cursor(const scope& next, std::string_view asked,
                        std::optional<std::uint64_t> after);

struct list_position {
  /// An index into the scopes that are listed.
  std::size_t scope = 0;
  std::optional<std::uint64_t> after;
};

/// Where among these scopes a cursor goes on. Fails with `invalid_argument` if
/// its scope is not among them.
result<list_position> position_of(const std::optional<std::string>& cursor,
                                  const bindings& scopes,
                                  std::string_view asked);

} // namespace cloister
