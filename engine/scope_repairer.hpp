// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "engine/ledger.hpp"
#include "engine/repairer.hpp"

namespace cloister::engine {

/// Whether the head may have lain in a block that was lost: an older one would
/// show instead. Each batch has the head, so if that is the newest one, it
/// tells of whatever else is missing.
bool may_be_older(const persistence::store& records,
                  const ledger_context& context);

/// Repairs one scope, or the node (without an identity), whose records are in
/// `context.space`; see `repair_store`.
result<void> repair_scope(const services& with, persistence::store& records,
                          const ledger_context& context,
                          const std::string& name,
                          const persistence::identity_ptr& identity,
                          repair_report& report);

} // namespace cloister::engine
