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

/// Verifies the chains of a scope (of the node for null) and of everything
/// below, those that ended too, and that each goes on from where it is expected
/// to have ended. May read the disk for long.
result<audit_report> verify_chains(const services& with,
                                   const persistence::identity_ptr& identity,
                                   const std::vector<chain_head>& expected);

/// Where the chains of a scope (of the node for null) and of everything below
/// end by now. What was erased is covered by the chains above it. May read the
/// disk for long.
result<chain_heads> read_chain_heads(const services& with,
                                     const persistence::identity_ptr& identity);

/// Reads some entries of a chain of an organization (of the node for null), as
/// they are stored, the oldest first. May read the disk.
result<exported_page> read_chain(const services& with,
                                 const persistence::identity_ptr& identity,
                                 const export_chain& wanted);

} // namespace cloister::engine
