// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/passphrase.hpp"

#include "core/encoding.hpp"
#include "crypto/random.hpp"
#include "crypto/sodium.hpp"

namespace cloister::crypto {

static_assert(crypto_pwhash_SALTBYTES == sizeof(passphrase_cost::salt));

result<secret_key> key_from_passphrase(bytes_view passphrase,
                                       const passphrase_cost& cost) {
  std::array<std::uint8_t, secret_key::size> key;
  constexpr std::size_t bytes_in_kib = 1024;
  auto done = crypto_pwhash(key.data(), key.size(), passphrase.data(),
                            passphrase.size(), cost.salt.data(), cost.passes,
                            cost.memory_kib * bytes_in_kib,
                            crypto_pwhash_ALG_ARGON2ID13);
  if (done != 0)
    return error{errc::unavailable,
                 "there is not enough memory to make a key of the passphrase"};
  auto out = secret_key::from_bytes(view_of(key));
  wipe(key.data(), key.size());
  return out;
}

} // namespace cloister::crypto
