// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "auth/operation.hpp"
#include "auth/revocations.hpp"
#include "core/clock.hpp"
#include "core/limits.hpp"
#include "core/scope.hpp"
#include "engine/change_signals.hpp"
#include "engine/node_counters.hpp"
#include "engine/rate_table.hpp"
#include "engine/session_table.hpp"
#include "engine/usage.hpp"
#include "persistence/audit_journal.hpp"
#include "persistence/catalog.hpp"
#include "persistence/expiry_index.hpp"
#include "persistence/session_store.hpp"
#include "persistence/store.hpp"

namespace cloister::engine {

/// What an engine works with. Everything is thread-safe and outlives it.
struct services {
  const persistence::store& records;
  persistence::catalog& catalog;
  persistence::audit_journal& journal;
  const persistence::expiry_index& expiries;
  std::shared_ptr<const clock> time;
  std::shared_ptr<auth::revocations> revocations;
  /// Accept scope names that look like personal data.
  bool allow_personal_ids = false;
  /// Plaintext records one scope keeps in memory.
  std::size_t content_cache_bytes = 0;
  /// Smaller scopes index their memories anew when they wake.
  std::size_t checkpoint_documents_min = 0;
  /// Called before each operation; for tests of what happens when one throws.
  std::function<void(const scope&, auth::operation)> before_operation;
  std::shared_ptr<session_table> sessions;
  std::shared_ptr<persistence::session_files> session_files;
  std::shared_ptr<usage_table> usages = std::make_shared<usage_table>();
  std::shared_ptr<rate_table> rates = std::make_shared<rate_table>();
  std::shared_ptr<change_signals> signals = std::make_shared<change_signals>();
  std::shared_ptr<node_counters> counters = std::make_shared<node_counters>();
  /// After something was removed, its data key is destroyed within this.
  std::chrono::milliseconds purge_within = limits::purge_within_default;
};

/// A number for each time that an engine read its state; see
/// `write_batch::set_load`. Thread-safe.
inline std::uint64_t next_load() {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

} // namespace cloister::engine
