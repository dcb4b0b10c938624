// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/signature.hpp"

#include "core/assert.hpp"
#include "crypto/sodium.hpp"

namespace cloister::crypto {

namespace {

const unsigned char* octets(bytes_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

} // namespace

public_key signing_public_key(const secret_key& seed) {
  public_key out;
  unsigned char secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(out.data(), secret, seed.data());
  sodium_memzero(secret, sizeof secret);
  return out;
}

signature sign(const secret_key& seed, bytes_view message) {
  signature out;
  public_key unused;
  unsigned char secret[crypto_sign_SECRETKEYBYTES];
  crypto_sign_seed_keypair(unused.data(), secret, seed.data());
  crypto_sign_detached(out.data(), nullptr, octets(message), message.size(),
                       secret);
  sodium_memzero(secret, sizeof secret);
  return out;
}

bool verify_signature(const public_key& signer, bytes_view message,
                      const signature& proof) {
  return crypto_sign_verify_detached(proof.data(), octets(message),
                                     message.size(), signer.data())
         == 0;
}

public_key recovery_public_key(const secret_key& recovery_key) {
  public_key out;
  auto status = crypto_scalarmult_base(out.data(), recovery_key.data());
  CLOISTER_ASSERT(status == 0);
  return out;
}

} // namespace cloister::crypto
