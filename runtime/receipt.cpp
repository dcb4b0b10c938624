// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/receipt.hpp"

#include "core/encoding.hpp"
#include "runtime/signing.hpp"

namespace cloister {

namespace {

/// What is signed: each field with its length, so that none can run into the
/// next.
bytes signed_text(const erasure_receipt& receipt) {
  bytes out;
  byte_writer writer{out};
  auto is_first = receipt.version == 1;
  writer.string(is_first ? "cloister erasure receipt 1"
                         : "cloister erasure receipt 2");
  writer.string(receipt.scope);
  writer.string(receipt.tag);
  writer.u32(receipt.incarnation);
  writer.i64(receipt.erased_at.milliseconds);
  writer.u64(receipt.scopes);
  writer.u64(receipt.memories);
  writer.u64(receipt.unreadable);
  writer.string(receipt.principal);
  writer.string(receipt.key_id);
  writer.string(receipt.audit_chain);
  writer.u64(receipt.audit_index);
  writer.string(receipt.audit_head);
  if (is_first)
    return out;
  for (const auto& number : {receipt.copies, receipt.copies_erased}) {
    writer.u8(number ? 1 : 0);
    writer.u64(number.value_or(0));
  }
  writer.string(receipt.reason);
  return out;
}

} // namespace

void sign(erasure_receipt& receipt, const crypto::secret_key& seed) {
  receipt.public_key = public_key_of(seed);
  receipt.signature = signature_of(signed_text(receipt), seed);
}

result<void> verify_receipt(const erasure_receipt& receipt,
                            std::string_view public_key) {
  return verify_signed(signed_text(receipt), receipt.signature, public_key,
                       "receipt");
}

} // namespace cloister
