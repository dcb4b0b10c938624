// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace cloister {

/// What was erased from a store, signed by it, for restoring a backup that is
/// older: nothing on the list comes back. Has no names: scopes are known by
/// hashes that only their store can make.
struct erasure_list {
  struct entry {
    /// The scope above, as logs have it: 32 hexadecimal digits.
    std::string parent;
    /// A keyed hash of the name: 32 hexadecimal digits.
    std::string name;
    std::uint32_t incarnation = 1;
    /// False where the name was reinstated.
    bool refused = true;
    timestamp erased_at;
    /// No copies of what it had were left elsewhere: none come back.
    bool with_copies = false;

    friend bool operator==(const entry&, const entry&) = default;
  };

  /// The store's id.
  std::string store;
  timestamp made_at;
  std::vector<entry> entries;
  /// Ed25519, in hexadecimal digits.
  std::string public_key;
  std::string signature;

  friend bool operator==(const erasure_list&, const erasure_list&) = default;
};

/// Whether a list was signed by the owner of a public key (64 hexadecimal
/// digits) as it is. Pure. Fails with `invalid_argument` for what is no key,
/// and with `corrupted` for a list that is not genuine.
result<void> verify_erasure_list(const erasure_list& list,
                                 std::string_view public_key);

/// One JSON document, and back. Fails with `invalid_argument`.
std::string to_json_text(const erasure_list& list);
result<erasure_list> parse_erasure_list(std::string_view text);

} // namespace cloister
