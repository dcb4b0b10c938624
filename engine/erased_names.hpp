// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include "engine/services.hpp"
#include "persistence/erased_name.hpp"

namespace cloister::engine {

/// Every name of the store that was erased: what an older backup must not bring
/// back. Reads the catalog of every scope. Fails with `corrupted`.
result<std::vector<persistence::erased_name>>
collect_erased_names(const services& with);

/// A scope that is there although a list says that it was erased.
struct returned_scope {
  scope name;
  /// No copies of what it had were left.
  bool with_copies = false;
};

/// Those that are there, the outermost of each tree. Reads the catalog of every
/// scope. Fails with `corrupted`.
result<std::vector<returned_scope>>
find_erased_scopes(const services& with,
                   const std::vector<persistence::erased_name>& list);

} // namespace cloister::engine
