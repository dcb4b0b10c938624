// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/permission.hpp"
#include "core/bytes.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/scope.hpp"
#include "crypto/hash.hpp"

namespace cloister::auth {

// An API key as text:
//
//   key      := "cloister_" id "_" secret checksum
//   id       := base32 of version:u8 signing_version:u8 locator:5 random:8
//   secret   := base32 of count:u8 restriction{count} tail:32
//   checksum := base32 of the first 4 bytes of BLAKE2b-128 of all before it
//
// base32 is RFC 4648's in lower case without padding: 24 characters for the id
// and 7 for the checksum, so that a secret scanner can tell a key from noise.
// The locator is the first 40 bits of the organization's tag. The tail of a
// whole key is HMAC-SHA-256(organization's signing key, id); no secret of a key
// is stored. Narrowing (narrowing.hpp) appends a restriction and replaces the
// tail by HMAC-SHA-256(tail, body of the restriction). A verifier refuses more
// than 8 restrictions.

using key_id = std::array<std::uint8_t, 15>;

/// An API key taken apart. Its tail is a secret: never log it.
struct presented_key {
  key_id id{};
  std::vector<bytes> restrictions;
  crypto::digest tail{};

  std::uint8_t signing_version() const {
    return id[1];
  }
  /// The first 40 bits of the organization's tag.
  bytes_view organization_locator() const;
};

/// The id as text, as lists and the audit trail show it.
std::string to_string(const key_id& id);
result<key_id> parse_key_id(std::string_view text);

/// A narrowed key as lists, the audit trail and revocations name it:
/// "<key id>/<32 hexadecimal digits>".
std::string to_string(const key_id& id, const crypto::short_digest& narrowing);

/// A new id for an organization's key.
key_id make_key_id(bytes_view organization_tag, std::uint8_t signing_version);

/// The full text of a whole key. Shown once; never stored.
std::string make_api_key(const key_id& id,
                         const crypto::secret_key& signing_key);

/// Takes a key apart and checks its checksum; proves nothing yet. Fails with
/// `unauthenticated`.
result<presented_key> parse_api_key(std::string_view text);

/// A key's text again. It is a secret.
std::string to_text(const presented_key& key);

/// How far above its root a key may read with `visibility: inherited`.
struct ancestor_bound {
  enum class kind : std::uint8_t { all = 1, none = 2, up_to = 3 };
  kind which = kind::all;
  /// For `up_to`: the outermost ancestor.
  std::optional<scope> limit;
};

/// What an organization stores about a key.
///
///   record := version:u8 id:15 permissions:u8 root_incarnation:be32
///             created:be64 expires:be64 revoked:be64 ancestors:u8
///             root:string label:string ancestor:string promote_to:string
///             [count:be16 (narrowing:16 expires:be64)*
///              maker:15 count:u8 narrowing:16*]               version 2
///
/// A time of 0 means never; an empty string means none. Version 2 has those
/// narrowed keys that were revoked by themselves, and the key that made this
/// one if that was narrowed, or made by one that was (else zeros). Sealed under
/// the organization's control key.
struct key_record {
  /// A key that was narrowed from this one, and is void until it would end.
  struct revoked_narrowing {
    crypto::short_digest name{};
    std::optional<timestamp> expires_at;
  };

  key_id id{};
  scope root;
  permission_set permissions;
  std::uint32_t root_incarnation = 1;
  timestamp created_at;
  std::optional<timestamp> expires_at;
  std::optional<timestamp> revoked_at;
  std::string label;
  ancestor_bound ancestors;
  /// The one scope outside the root that sharing may write to.
  std::optional<scope> promote_to;
  std::vector<revoked_narrowing> revoked_narrowings;
  /// The key that made this one, if that was narrowed or made by one that was:
  /// whoever ends a narrowed key ends all that it led to.
  struct narrowed_maker {
    key_id id{};
    std::vector<crypto::short_digest> narrowings;
  };
  std::optional<narrowed_maker> maker;

  /// Whether one of these steps was revoked by itself.
  bool has_revoked(const std::vector<crypto::short_digest>& narrowings) const;
};

bytes encode_key_record(const key_record& record);
/// Fails with `corrupted`.
result<key_record> decode_key_record(bytes_view data);

} // namespace cloister::auth
