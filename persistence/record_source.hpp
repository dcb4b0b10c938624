// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::persistence {

/// Where the sealed records of a scope are read from: the store, or for an
/// ephemeral session its own. Thread-safe.
class record_source {
public:
  virtual ~record_source() = default;

  /// The value under a key, or nothing. Fails with `corrupted` where it is
  /// damaged.
  virtual result<std::optional<bytes>> get(const storage_key& key) const = 0;

  /// Calls `visit(key, value)` in key order for all keys with a prefix, from
  /// `prefix + from` on, until it answers false. Keys may come and go while it
  /// runs; `visit` may use the source, and may take long.
  virtual result<void>
  scan(bytes_view prefix, bytes_view from,
       const std::function<bool(bytes_view key, bytes_view value)>& visit)
    const = 0;
};

} // namespace cloister::persistence
