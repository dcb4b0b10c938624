// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "persistence/file_system.hpp"
#include "persistence/key_slots.hpp"
#include "persistence/master_keys.hpp"

namespace cloister::persistence {

// A rotation of the master key that was begun and is not finished: the file
// `rotation` of the data directory. Whoever has the former key or the new one
// has both by it, so that the rotation goes on whatever happens; it is
// destroyed once nothing is wrapped under the former one.
//
//   rotation := "cloister rotation 1\n" version:be32 new:string former:string
//               next_file:string file:string former_file:string
//               drops_passphrase:u8 checksum:be32
//
// `version` is the new key's. `new` is wrapped under the former one, `former`
// under the new one (crypto/aead.hpp), with the context "rotation" and the
// fields but those two and the checksum. The rest says what is to be done in
// the end: `next_file` takes the place of `file`, and `former_file` is
// overwritten and removed; empty where there is nothing to be done.

struct rotation {
  std::uint32_t version = 2;
  bytes new_under_former;
  bytes former_under_new;
  std::string next_file;
  std::string file;
  std::string former_file;
  /// The new key does not come of a passphrase, and the former one did.
  bool drops_passphrase = false;
};

/// Wraps both keys under each other.
void wrap_keys(rotation& into, const crypto::secret_key& former,
               const crypto::secret_key& next);

/// Makes it durable: from then on there is no way back.
result<void> write_rotation(file_system& files, const std::string& path,
                            const rotation& value);
/// Nothing if there is none. Fails with `corrupted`.
result<std::optional<rotation>> read_rotation(file_system& files,
                                              const std::string& path);

/// Both keys, by either of them; null if it is neither.
std::shared_ptr<master_keys> keys_of(const rotation& begun,
                                     const crypto::secret_key& either);

/// Whether everything that either master key opens is under the newest one, in
/// both copies. Reads the file of keys.
result<bool> is_all_under(const key_slots& slots, const master_keys& master);

/// Puts into `batch` up to `limit` slots that are wrapped under the former key,
/// wrapped under the new one. Returns how many. May read the disk.
result<std::size_t> rewrap_some(const key_slots& slots,
                                const master_keys& master, std::size_t limit,
                                write_batch& batch);

} // namespace cloister::persistence
