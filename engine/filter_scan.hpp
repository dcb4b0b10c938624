// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/filter.hpp"
#include "persistence/scope_identity.hpp"
#include "persistence/store.hpp"

namespace cloister::engine {

/// Which memories of a scope a filter admits, as the store has them: for scopes
/// whose records are not all at hand.
class filter_verdicts {
public:
  void add(std::uint64_t sequence, std::uint32_t revision, bool admitted) {
    verdicts_.push_back({sequence, revision, admitted});
  }

  /// Nothing for a memory that was written or changed since.
  std::optional<bool> of(std::uint64_t sequence, std::uint32_t revision) const;

private:
  struct verdict {
    std::uint64_t sequence = 0;
    std::uint32_t revision = 0;
    bool admitted = false;
  };
  /// By ascending sequence.
  std::vector<verdict> verdicts_;
};

/// Reads all memories of a scope. Takes long: loaders call it.
result<filter_verdicts> scan_filter(const persistence::store& records,
                                    const persistence::scope_identity& identity,
                                    const memory_filter& filter);

} // namespace cloister::engine
