// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "auth/audit_chain.hpp"
#include "core/clock.hpp"
#include "crypto/signature.hpp"

namespace cloister::auth {

// What stands for the oldest entries of a chain that were pruned: the content
// of its 'b' record.
//
//   stub   := version:u8 fields signature:64
//   fields := chain:16 from:be64 head:32 pruned:be64 at:be64 before:be64
//
// The chain goes on with the entry `from`, whose `previous` is `head`. `pruned`
// is how many entries went so far, `at` when the last ones did, and `before`
// the time that those were older than. The signature is the store's, over
// string("cloister audit stub 1") and the fields; Ed25519. Sealed under the
// node's audit key, since nothing else opens for as long; context = "audit
// stub" and the tag.

/// The beginning of a chain whose oldest entries were pruned.
struct audit_stub {
  /// The tag of whose it is.
  std::array<std::uint8_t, 16> chain{};
  std::uint64_t from = 0;
  crypto::digest head{};
  std::uint64_t pruned = 0;
  timestamp at;
  timestamp before;
  crypto::signature proof{};

  friend bool operator==(const audit_stub&, const audit_stub&) = default;
};

void sign(audit_stub& stub, const crypto::secret_key& seed);
bool is_signed_by(const audit_stub& stub, const crypto::public_key& signer);

bytes encode_audit_stub(const audit_stub& stub);
/// Fails with `corrupted`.
result<audit_stub> decode_audit_stub(bytes_view data);

/// The context under which a stub is sealed.
bytes stub_context(bytes_view scope_tag);

/// Goes on behind what was pruned.
inline chain_verifier verifier_behind(const audit_stub& stub) {
  return {stub.from, stub.head};
}

} // namespace cloister::auth
