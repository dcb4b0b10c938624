// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "engine/requests.hpp"
#include "engine/services.hpp"

namespace cloister::engine {

/// Reads what happened in a scope from its audit chain: from a position on, or,
/// without one, only where the chain ends. Answers `event_kind::reset` where
/// the position is not one of that chain any more. May read the disk.
result<event_page> read_events_of(const services& with,
                                  const persistence::scope_identity& identity,
                                  const read_events& wanted);

} // namespace cloister::engine
