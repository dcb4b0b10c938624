// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authority.hpp"

namespace cloister::auth {

// Narrowing makes an API key that can do less out of one that can do more,
// offline: chained keyed hashes as in macaroons (Birgisson et al., NDSS 2014),
// so that what was appended cannot be taken away again.
//
//   restriction := length:be16 body
//   body        := (kind:u8 length:be16 value)*       each kind at most once
//   kind        := 1 scope, text | 2 permissions, u8 | 3 expires, be64
//                | 4 issued, be64 | 5 ancestors, text | 6 promote to, text
//
// Whoever holds the key writes restrictions, so nothing in them may widen what
// held before; a kind that is not known here makes the key void.

/// One step of narrowing. What is absent stays as it was.
struct restriction {
  /// Resolved like a user_id below the root that held before.
  std::optional<std::string> scope;
  std::optional<permission_set> permissions;
  std::optional<timestamp> expires_at;
  std::optional<timestamp> issued_at;
  /// "all", "none", or the outermost ancestor that may be read.
  std::optional<std::string> ancestors;
  /// The one scope outside the root that sharing may write to; the key before
  /// must be able to write there.
  std::optional<std::string> promote_to;

  friend bool operator==(const restriction&, const restriction&) = default;
};

bytes encode_restriction(const restriction& step);
/// Fails with `unauthenticated`.
result<restriction> decode_restriction(bytes_view body);

/// Appends a restriction to a key's text. Fails with `unauthenticated` if that
/// is not a key, `invalid_argument` if the restriction makes no sense, and
/// `too_large` if the key was narrowed too often.
result<std::string> narrow_api_key(std::string_view text,
                                   const restriction& step);

/// Names a narrowed key in the audit trail and in revocations.
crypto::short_digest narrowing_of(const crypto::digest& tail);

/// Of a key made with this signing key, the names of all its steps; nothing
/// for any other key. Takes a time that depends on the key's text only.
std::optional<std::vector<crypto::short_digest>>
genuine_narrowings(const presented_key& key,
                   const crypto::secret_key& signing_key);

/// Lowers what an authority allows. Fails with `unauthenticated` if the step
/// asks for what the authority does not have.
result<void> narrow(authority& who, const restriction& step);

} // namespace cloister::auth
