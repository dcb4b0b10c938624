// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "engine/ledger.hpp"
#include "engine/services.hpp"
#include "persistence/head.hpp"
#include "persistence/key_slots.hpp"
#include "persistence/store.hpp"

namespace cloister::engine {

/// Something wrong with one scope; for the node the name is "node".
struct scope_damage {
  std::string scope;
  std::string what;
};

struct examination {
  std::uint64_t scopes = 0;
  std::uint64_t records = 0;
  std::vector<scope_damage> damages;
  /// Key slots of which only one copy is good.
  std::vector<std::uint64_t> half_slots;
  /// Records of no scope that is known.
  std::uint64_t orphaned_records = 0;
  /// Their keys, `orphans_listed_max` of them.
  std::vector<bytes> orphans;
  /// Erasures that the next start goes on with.
  std::uint64_t unfinished_erasures = 0;
};

constexpr std::size_t orphans_listed_max = 1'000'000;

/// Removes records that an examination found to be of no scope. Only where it
/// found no damage: else they may be of one that could not be read.
result<void> remove_orphans(persistence::store& records,
                            const examination& found);

/// Reads everything: every scope's records against its head, every registry,
/// every audit chain, every key slot. Reads the disk for long.
examination examine_store(const services& with,
                          const persistence::key_slots& slots);

/// What a scope's registry should be by the records that are there. Fails with
/// `corrupted` if one does not open.
result<persistence::record_set> count_registry(const services& with,
                                               const ledger_context& context);

} // namespace cloister::engine
