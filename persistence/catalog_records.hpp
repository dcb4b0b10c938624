// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/scope.hpp"
#include "crypto/secret_key.hpp"
#include "persistence/storage_key.hpp"

/// The values of a catalog's records; see catalog.hpp for their formats. Each
/// is sealed under the parent's control key. Opening fails with `corrupted`.
namespace cloister::persistence {

/// A child's entry as its parent can read it.
struct catalog_entry {
  std::uint64_t slot = 0;
  std::uint32_t incarnation = 1;
  timestamp created;
  /// Under the child's own control key.
  bytes sealed_name;
};

bytes seal_entry(const crypto::secret_key& control, const storage_key& key,
                 const catalog_entry& value);
result<catalog_entry> open_entry(const crypto::secret_key& control,
                                 const storage_key& key, bytes_view sealed);

/// What became of the scope that had a name.
struct tombstone {
  std::uint32_t incarnation = 1;
  bool refused = true;
  timestamp erased;
  /// No copies of what it had were left elsewhere.
  bool with_copies = false;
};

bytes seal_tombstone(const crypto::secret_key& control, const storage_key& key,
                     const tombstone& value);
result<tombstone> open_tombstone(const crypto::secret_key& control,
                                 const storage_key& key, bytes_view sealed);

/// What a refused name is answered with.
error erased_error();

/// What a refused name is answered with that is of a kind.
error refused_error(scope_kind kind);

/// The same for a session.
error ended_session_error();

} // namespace cloister::persistence
