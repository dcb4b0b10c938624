// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/error.hpp"
#include "core/scope.hpp"
#include "core/string_hash.hpp"
#include "core/token_bucket.hpp"
#include "persistence/organization_settings.hpp"

namespace cloister::engine {

/// How many operations organizations and scopes may still do, for those whose
/// rate is limited and that were awake since the node started: what is not
/// known yet has done nothing, and its bucket is full. Thread-safe.
class rate_table {
public:
  using nanoseconds = std::chrono::nanoseconds;
  /// Whoever holds one keeps the scope's rate in the table.
  using hold = std::shared_ptr<const void>;

  /// The limits of an organization, read anew with each operation.
  void learn(const scope& organization,
             const std::shared_ptr<const persistence::shared_settings>& from);

  /// The limits of a scope, which replace what was known. Nothing is held for
  /// one without a rate.
  hold set(const scope& name, const quota& limits, nanoseconds now);

  /// A scope was erased, with all below it.
  void forget(const scope& erased);

  /// Counts an operation in a scope of an organization, with the rate of both,
  /// or of one that is given alone. Fails, and counts nothing, with
  /// `rate_limited`, which says when to try again.
  result<void> take(const scope* organization, const scope* name,
                    nanoseconds now);

private:
  struct entry {
    token_bucket bucket;
    std::optional<operation_rate> rate;
    /// Of an organization.
    std::shared_ptr<const persistence::shared_settings> settings;

    std::optional<operation_rate> now() const {
      return settings ? operation_rate::of(settings->limits()) : rate;
    }
  };
  using entries = std::unordered_map<std::string, std::shared_ptr<entry>,
                                     string_hasher, std::equal_to<>>;
  /// All scopes of an organization are in one, so that those of others do not
  /// wait for them.
  struct shard {
    std::mutex mutex;
    entries known;
  };

  shard& shard_of(const scope& name);
  static void drop_unused(entries& known, nanoseconds now);

  std::array<shard, 16> shards_;
  std::atomic<bool> is_used_{false};
};

} // namespace cloister::engine
