// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "engine/requests.hpp"
#include "engine/services.hpp"

namespace cloister::engine {

/// What the trail of a scope (of the node for null) tells of the last erasure,
/// or end as a session, of the child that had a name. Fails with `not_found`
/// where it tells of none, or that entry was pruned. Reads the whole trail at
/// worst, from its end on.
result<told_erasure> read_told_erasure(const services& with,
                                       const persistence::identity_ptr& parent,
                                       const scope& child);

} // namespace cloister::engine
