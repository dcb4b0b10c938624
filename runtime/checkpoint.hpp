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

/// Where audit chains ended at some time, signed by the store. Kept elsewhere,
/// it proves later that nothing before it was changed, cut off, or left away by
/// whoever can write to the store. Names nobody: chains are known by tags.
struct audit_checkpoint {
  struct chain {
    /// 32 hexadecimal digits.
    std::string tag;
    std::uint64_t length = 0;
    /// 64 hexadecimal digits.
    std::string head;

    friend bool operator==(const chain&, const chain&) = default;
  };

  timestamp made_at;
  /// The chain that the others lie below: a scope's tag, or the node's.
  std::string root;
  std::vector<chain> chains;
  /// Ed25519, in hexadecimal digits.
  std::string public_key;
  std::string signature;

  friend bool operator==(const audit_checkpoint&, const audit_checkpoint&)
    = default;
};

/// Whether a checkpoint was signed by the owner of a public key (64 hexadecimal
/// digits) as it is. Pure: no store, no key. Fails with `invalid_argument` for
/// what is no key, and with `corrupted` for one that is not genuine.
result<void> verify_checkpoint(const audit_checkpoint& checkpoint,
                               std::string_view public_key);

} // namespace cloister
