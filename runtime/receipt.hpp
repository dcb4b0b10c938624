// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace cloister {

/// Says what was erased, when, by whom, and where the audit trail has it,
/// signed by the store: whoever has the store's public key can check it,
/// without the store. The only place that still has the name.
struct erasure_receipt {
  /// Of what is signed: 1 has neither copies nor a reason.
  std::uint32_t version = 2;
  std::string scope;
  /// 32 hexadecimal digits, as logs had it.
  std::string tag;
  std::uint32_t incarnation = 1;
  timestamp erased_at;
  /// The scope itself and those below it.
  std::uint64_t scopes = 0;
  std::uint64_t memories = 0;
  /// Of the scopes, those that were damaged: what they held is not counted, and
  /// their audit trails end with what was left of them.
  std::uint64_t unreadable = 0;
  /// Copies of its memories that had been shared to elsewhere, and are left
  /// there. No number where that was not looked at: of sessions that end, of
  /// organizations, and where a scope that has some is damaged.
  std::optional<std::uint64_t> copies;
  /// Copies that were erased before it, if that was asked for: those of all
  /// attempts, but for what ephemeral sessions lost to one that was killed.
  std::optional<std::uint64_t> copies_erased;
  /// Why a session ended, e.g. "idle"; else empty, or why it was due.
  std::string reason;
  /// Who asked: a key's label, else its id; or "operator", or "system".
  std::string principal;
  /// Empty where no key was used.
  std::string key_id;
  /// The audit chain that tells of it (a scope's tag), the entry's index in it,
  /// and the chain's head after that; in hexadecimal digits.
  std::string audit_chain;
  std::uint64_t audit_index = 0;
  std::string audit_head;
  /// Ed25519, in hexadecimal digits.
  std::string public_key;
  std::string signature;

  friend bool operator==(const erasure_receipt&, const erasure_receipt&)
    = default;
};

/// Whether a receipt was signed by the owner of a public key (64 hexadecimal
/// digits) as it is. Pure: no store, no key. Fails with `invalid_argument` for
/// what is no key, and with `corrupted` for a receipt that is not genuine.
result<void> verify_receipt(const erasure_receipt& receipt,
                            std::string_view public_key);

} // namespace cloister
