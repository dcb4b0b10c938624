// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/api_key.hpp"
#include "auth/audit_entry.hpp"
#include "engine/memory_table.hpp"
#include "engine/session_table.hpp"
#include "engine/usage.hpp"
#include "persistence/organization_settings.hpp"
#include "persistence/write_batch.hpp"

/// What a scope's engine puts changes together from; its own business.
namespace cloister::engine {

/// A create request that was answered before, by the keyed hash of its
/// idempotency key.
struct idempotency_record {
  memory_id id;
  crypto::short_digest draft{};
  timestamp expires_at;
  record_tag tag{};
};

/// Old revisions of one memory, oldest first.
struct old_revision {
  std::uint32_t revision = 0;
  record_tag tag{};
};

/// What one batch does to the committed state once it is durable.
struct change_effects {
  /// One memory that leaves the table, enters it, or does both; in order.
  struct row_change {
    memory_id id;
    /// The record that leaves, to find it in the index by.
    std::optional<bytes> removed;
    std::optional<memory_row> row;
    std::optional<std::string> key;
  };
  std::vector<row_change> rows;
  /// Records that were sealed again: a memory's, and old revisions'.
  struct resealed_memory {
    memory_id id;
    std::uint64_t sequence = 0;
    record_tag tag{};
    std::vector<old_revision> revisions;
  };
  std::vector<resealed_memory> resealed;
  std::vector<std::pair<std::uint64_t, old_revision>> history_added;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> history_dropped;
  std::vector<std::pair<std::string, idempotency_record>> idempotency_added;
  std::vector<std::string> idempotency_dropped;
  std::vector<std::pair<auth::key_record, record_tag>> keys;
  std::optional<persistence::organization_settings> settings;
  /// What it gives up of what the organization holds.
  usage freed;
  /// A scope that was created.
  std::string child;
  /// A session that was opened.
  live_session_ptr session;
  bool cleared = false;
};

/// A memory as it will be once everything in flight is committed.
struct tentative_memory {
  std::size_t changes = 0;
  bool erased = false;
  std::uint64_t sequence = 0;
  std::uint32_t revision = 0;
  record_tag tag{};
  bytes record;
  std::vector<old_revision> history;
};

/// A change while it is put together.
struct scope_change {
  std::shared_ptr<persistence::write_batch> batch
    = std::make_shared<persistence::write_batch>();
  change_effects becomes;
  auth::audit_entry entry;
};

/// A session that is about to be opened.
struct session_to_open {
  session_terms terms;
  std::shared_ptr<session_place> place;
};

/// What is known of a draft whose idempotency key was used before.
struct repeated_draft {
  bool known = false;
  /// What it was stored as, if that is answered.
  std::optional<std::uint32_t> row;
};

/// The state that a change starts from.
struct current_memory {
  std::uint64_t sequence = 0;
  std::uint32_t revision = 0;
  record_tag tag{};
  bytes_view record;
};

} // namespace cloister::engine
