// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/receipt.hpp"

#include <algorithm>

#include "core/encoding.hpp"
#include "core/rfc3339.hpp"
#include "crypto/signature.hpp"
#include "runtime/sign_receipt.hpp"

namespace cloister {

namespace {

/// What is signed: each field with its length, so that none can run into the
/// next.
bytes signed_text(const erasure_receipt& receipt) {
  bytes out;
  byte_writer writer{out};
  writer.string("cloister erasure receipt 1");
  writer.string(receipt.scope);
  writer.string(receipt.tag);
  writer.u32(receipt.incarnation);
  writer.i64(receipt.erased_at.milliseconds);
  writer.u64(receipt.scopes);
  writer.u64(receipt.memories);
  writer.string(receipt.principal);
  writer.string(receipt.key_id);
  writer.string(receipt.audit_chain);
  writer.u64(receipt.audit_index);
  writer.string(receipt.audit_head);
  return out;
}

template <std::size_t N>
bool read_hex(std::string_view text, std::array<std::uint8_t, N>& out) {
  auto data = from_hex(text);
  if (!data || data->size() != N)
    return false;
  out = byte_reader{*data}.array<N>();
  return true;
}

} // namespace

void sign_receipt(erasure_receipt& receipt, const crypto::secret_key& seed) {
  receipt.public_key = to_hex(view_of(crypto::signing_public_key(seed)));
  receipt.signature = to_hex(view_of(crypto::sign(seed, signed_text(receipt))));
}

result<void> verify_receipt(const erasure_receipt& receipt,
                            std::string_view public_key) {
  crypto::public_key signer{};
  if (!read_hex(public_key, signer))
    return error{errc::invalid_argument,
                 "a public key has 64 hexadecimal digits; `cloister receipt "
                 "key` prints a store's"};
  crypto::signature proof{};
  if (!read_hex(receipt.signature, proof)
      || !crypto::verify_signature(signer, signed_text(receipt), proof))
    return error{errc::corrupted,
                 "the receipt was not signed by the owner of that key, or was "
                 "changed since"};
  return {};
}

} // namespace cloister
