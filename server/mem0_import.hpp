// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include <boost/json/object.hpp>

#include "runtime/types.hpp"

namespace cloister::server::mem0 {

/// A memory that was mem0's.
struct imported_memory {
  /// "user_a/agent_b", below the key's root; empty where it names nobody.
  std::string user_id;
  /// What mem0 called it; empty where it has no id.
  std::string id;
  memory_draft draft;
};

/// Reads a memory as mem0 lists, searches and exports it. What it has that ours
/// do not is kept for its clients. Fails with `invalid_argument`.
result<imported_memory> read_imported(const boost::json::object& row);

} // namespace cloister::server::mem0
