// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/memory.hpp"
#include "engine/memory_table.hpp"
#include "persistence/record_source.hpp"
#include "persistence/scope_identity.hpp"

namespace cloister::engine {

/// Seals a record under the scope's data key.
bytes seal_record(const persistence::scope_identity& identity,
                  const persistence::storage_key& key, bytes_view plain);

/// The authentication tag of a sealed record, as heads and the audit trail
/// have it.
record_tag tag_of(bytes_view sealed);

/// Opens a record that was sealed under one of the scope's data keys.
result<bytes> open_record(const persistence::scope_identity& identity,
                          bytes_view key, bytes_view sealed);

/// The same with the keys from before it was read: it may have been moved to
/// another one since, and the former one be gone.
result<bytes> open_record(const persistence::scope_identity& identity,
                          const persistence::data_keys& before, bytes_view key,
                          bytes_view sealed);

/// Reads one memory's plaintext record. May read the disk.
result<bytes> read_memory_record(const persistence::record_source& records,
                                 const persistence::scope_identity& identity,
                                 std::uint64_t sequence);

/// Reads one old revision. May read the disk.
result<memory> read_old_revision(const persistence::record_source& records,
                                 const persistence::scope_identity& identity,
                                 std::uint64_t sequence,
                                 std::uint32_t revision);

} // namespace cloister::engine
