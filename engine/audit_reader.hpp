// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "engine/requests.hpp"
#include "engine/services.hpp"

namespace cloister::engine {

/// Reads a page of a scope's audit trail, newest first, and puts names to its
/// pseudonyms. May read the disk.
result<audit_page> read_audit(const services& with,
                              const persistence::identity_ptr& identity,
                              const list_audit& wanted);

/// The same for the node's own chain.
result<audit_page> read_node_audit(const services& with,
                                   const list_audit& wanted);

/// Verifies the chains of a scope and of everything below: each link, each
/// head, and that each child's chain begins as its parent says. May read the
/// disk for long.
result<audit_report> verify_chains(const services& with,
                                   const persistence::identity_ptr& identity);

/// The same for the node's chain and for every organization.
result<audit_report> verify_node_chains(const services& with);

} // namespace cloister::engine
