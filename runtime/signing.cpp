// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/signing.hpp"

#include "core/encoding.hpp"
#include "crypto/signature.hpp"

namespace cloister {

namespace {

template <std::size_t N>
bool read_hex(std::string_view text, std::array<std::uint8_t, N>& out) {
  auto data = from_hex(text);
  if (!data || data->size() != N)
    return false;
  out = byte_reader{*data}.array<N>();
  return true;
}

} // namespace

std::string signature_of(bytes_view text, const crypto::secret_key& seed) {
  return to_hex(view_of(crypto::sign(seed, text)));
}

std::string public_key_of(const crypto::secret_key& seed) {
  return to_hex(view_of(crypto::signing_public_key(seed)));
}

result<void> verify_signed(bytes_view text, std::string_view signature,
                           std::string_view public_key, std::string_view what) {
  crypto::public_key signer{};
  if (!read_hex(public_key, signer))
    return error{errc::invalid_argument,
                 "a public key has 64 hexadecimal digits; `cloister receipt "
                 "key` prints a store's"};
  crypto::signature proof{};
  if (!read_hex(signature, proof)
      || !crypto::verify_signature(signer, text, proof))
    return error{errc::corrupted, "the " + std::string{what}
                                    + " was not signed by the owner of that "
                                      "key, or was changed since"};
  return {};
}

} // namespace cloister
