// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "auth/authority.hpp"
#include "core/memory_id.hpp"
#include "crypto/hash.hpp"

namespace cloister::auth {

/// A scope's random name in audit entries; see persistence/storage_key.hpp.
using pseudonym = std::array<std::uint8_t, 16>;

/// One record that a change put or erased, by which a lost or resurrected
/// record can be told after damage.
struct audit_effect {
  enum class kind : std::uint8_t { put = 1, erase = 2 };
  kind which = kind::put;
  std::uint64_t sequence = 0;
  std::uint32_t revision = 0;
  /// The authentication tag of what was put; zeros for an erasure.
  std::array<std::uint8_t, 16> tag{};

  friend bool operator==(const audit_effect&, const audit_effect&) = default;
};

/// The state of a child's chain, in its parent's.
struct audit_anchor {
  pseudonym child{};
  std::uint64_t length = 0;
  crypto::digest head{};

  friend bool operator==(const audit_anchor&, const audit_anchor&) = default;
};

/// A name that is refused from here on, as a keyed hash: by this a tombstone
/// that was lost can be made anew.
struct refused_name {
  std::array<std::uint8_t, 16> name{};
  std::uint32_t incarnation = 1;

  friend bool operator==(const refused_name&, const refused_name&) = default;
};

/// What became of copies of what was erased that had been shared to elsewhere:
/// how many are left, and how many were erased before. No number where that was
/// not looked at.
struct copies_elsewhere {
  std::optional<std::uint64_t> left = {};
  std::optional<std::uint64_t> erased = {};

  friend bool operator==(const copies_elsewhere&, const copies_elsewhere&)
    = default;
};

/// What an erasure ended, for the receipt; the entry's count are the scopes.
struct erased_contents {
  std::uint64_t memories = 0;
  /// Of the scopes, those that were damaged.
  std::uint64_t unreadable = 0;
  copies_elsewhere copies = {};

  friend bool operator==(const erased_contents&, const erased_contents&)
    = default;
};

/// What is needed of an entry that was pruned, with the index that it had: of
/// two that tell of one thing the later counts.
struct carried_entry {
  std::uint64_t index = 0;
  bytes entry;

  friend bool operator==(const carried_entry&, const carried_entry&) = default;
};

// One line of the audit trail. Never any content.
//
//   entry   := version:u8 flags:u8 time:be64 request:16 principal:u8 key:15
//              operation:u8 outcome:u8 scope:16 count:be32 reason:string
//              targets:be32 (id:16)*
//              [effects:be32 (kind:u8 sequence:be64 revision:be32 tag:16)*]
//                                                                    flag 1
//              [child:16 length:be64 head:32]                        flag 2
//              [wanted:16]                                           flag 4
//              [narrowings:u8 (digest:16)*]                          flag 8
//              [ended:16]                                            flag 16
//              [name:16 incarnation:be32]                            flag 32
//              [carried:be32 (index:be64 entry:string)*]             flag 64
//              [memories:be64 unreadable:be64 known:u8               flag 128
//               [copies:be64] [copies_erased:be64]]  known 1 and 2
//
// Flags are part of the format: never renumber, only append.
struct audit_entry {
  timestamp at;
  request_id request{};
  principal_kind principal = principal_kind::anonymous;
  key_id key{};
  operation what = operation::get_memory;
  errc outcome = errc::ok;
  /// The scope it happened to, by pseudonym; where that does not exist, the
  /// nearest ancestor.
  pseudonym scope{};
  /// How many memories were answered or changed.
  std::uint32_t count = 0;
  std::string reason;
  std::vector<memory_id> targets;
  std::vector<audit_effect> effects;
  std::optional<audit_anchor> anchor;
  /// The tag of a scope that does not exist.
  std::optional<pseudonym> wanted;
  /// What a narrowed key went through.
  std::vector<std::array<std::uint8_t, 16>> narrowings;
  /// The tag of the chain that ends where the anchor says, because its scope
  /// was erased.
  std::optional<std::array<std::uint8_t, 16>> ended;
  /// Of a scope that was erased.
  std::optional<refused_name> refused;
  /// What it takes over from entries that were pruned.
  std::vector<carried_entry> carried;
  /// Of the entry that tells of an erasure.
  std::optional<erased_contents> contents;

  friend bool operator==(const audit_entry&, const audit_entry&) = default;
};

/// Whether an entry that was sealed to so many bytes may be one that tells of
/// other chains: most tell of reads, and are shorter. Their contents are
/// authenticated by the chain, opened or not.
bool may_tell_of_chains(std::size_t sealed_bytes);

bytes encode_audit_entry(const audit_entry& entry);
/// Fails with `corrupted`.
result<audit_entry> decode_audit_entry(bytes_view data);

/// Calls `visit` for what an entry has taken over from others, with the indexes
/// that those had, and then for itself. Fails with `corrupted`.
result<void>
visit_told(const audit_entry& entry, std::uint64_t index,
           const std::function<void(const audit_entry&, std::uint64_t)>& visit);

/// An entry that says who asked for what; the rest is up to the caller.
audit_entry entry_for(const authority& who, operation what,
                      const request_id& request, timestamp at);

} // namespace cloister::auth
