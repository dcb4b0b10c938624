// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/memory.hpp"
#include "engine/memory_table.hpp"
#include "persistence/record_source.hpp"
#include "persistence/scope_identity.hpp"

namespace cloister::engine {

/// The data key of the epoch that a sealed record names. Fails with
/// `corrupted` if the scope has no such key any more.
result<const crypto::secret_key*>
data_key_for(const persistence::scope_keys& keys, bytes_view sealed);

/// The authentication tag of a sealed record, as heads and the audit trail
/// have it.
record_tag tag_of(bytes_view sealed);

/// Opens a record that was sealed under one of the scope's data keys.
result<bytes> open_record(const persistence::scope_identity& identity,
                          bytes_view key, bytes_view sealed);

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
