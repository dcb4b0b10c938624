// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/checkpoint.hpp"

#include "core/encoding.hpp"
#include "runtime/signing.hpp"

namespace cloister {

namespace {

/// What is signed: each field with its length, so that none can run into the
/// next.
bytes signed_text(const audit_checkpoint& checkpoint) {
  bytes out;
  byte_writer writer{out};
  writer.string("cloister audit checkpoint 1");
  writer.i64(checkpoint.made_at.milliseconds);
  writer.string(checkpoint.root);
  for (const auto& chain : checkpoint.chains) {
    writer.string(chain.tag);
    writer.u64(chain.length);
    writer.string(chain.head);
  }
  return out;
}

} // namespace

void sign(audit_checkpoint& checkpoint, const crypto::secret_key& seed) {
  checkpoint.public_key = public_key_of(seed);
  checkpoint.signature = signature_of(signed_text(checkpoint), seed);
}

result<void> verify_checkpoint(const audit_checkpoint& checkpoint,
                               std::string_view public_key) {
  return verify_signed(signed_text(checkpoint), checkpoint.signature,
                       public_key, "checkpoint");
}

} // namespace cloister
