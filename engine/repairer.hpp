// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include "engine/services.hpp"
#include "persistence/key_slots.hpp"

namespace cloister::engine {

/// What a repair did, in sentences.
struct repair_report {
  std::vector<std::string> recovered;
  std::vector<std::string> lost;
  /// Keys of scopes that are listed nowhere: they were lost, or were being made
  /// when a process ended.
  std::size_t unlisted_keys = 0;
};

/// Repairs every scope that does not verify, in a store that nobody else has
/// open. What a surviving audit entry proves to be the newest state of a
/// memory is kept; what may be old, erased or unproven is removed and listed.
/// Chains are joined up again over what is left, and end with an entry that
/// says what was lost. Fails with `unavailable` if the store cannot be written.
result<repair_report> repair_store(const services& with,
                                   persistence::key_slots& slots,
                                   persistence::store& records);

} // namespace cloister::engine
