// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "core/error.hpp"
#include "crypto/secret_key.hpp"

namespace cloister {

/// Where a store's key file is: what was asked for, else
/// `cloister/keys/<store id>.key` under XDG_CONFIG_HOME or ~/.config.
result<std::string> master_key_path(const std::optional<std::string>& asked_for,
                                    const std::string& store_id);

/// Reads a key file: 64 hexadecimal digits. Fails with `sealed` if it is
/// missing or malformed, or if others than its owner may read it.
result<crypto::secret_key> read_master_key(const std::string& path);

/// Writes a new key file that only its owner may read, synced, creating its
/// folders. Fails with `conflict` if there is one already.
result<void> write_master_key(const std::string& path,
                              const crypto::secret_key& key);

} // namespace cloister
