// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/hash.hpp"

#include "core/assert.hpp"
#include "crypto/key_slab.hpp"
#include "crypto/random.hpp"
#include "crypto/sodium.hpp"

namespace cloister::crypto {

namespace {

const unsigned char* octets(bytes_view data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

template <std::size_t N>
std::array<std::uint8_t, N> blake2b(const secret_key* key,
                                    std::initializer_list<bytes_view> parts) {
  crypto_generichash_state state;
  crypto_generichash_init(&state, key != nullptr ? key->data() : nullptr,
                          key != nullptr ? secret_key::size : 0, N);
  for (auto part : parts)
    crypto_generichash_update(&state, octets(part), part.size());
  std::array<std::uint8_t, N> out;
  crypto_generichash_final(&state, out.data(), N);
  return out;
}

} // namespace

digest hash(std::initializer_list<bytes_view> parts) {
  return blake2b<32>(nullptr, parts);
}

digest keyed_hash(const secret_key& key,
                  std::initializer_list<bytes_view> parts) {
  return blake2b<32>(&key, parts);
}

short_digest keyed_short_hash(const secret_key& key,
                              std::initializer_list<bytes_view> parts) {
  return blake2b<16>(&key, parts);
}

digest hmac_sha256(bytes_view key, bytes_view message) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, octets(key), key.size());
  crypto_auth_hmacsha256_update(&state, octets(message), message.size());
  digest out;
  crypto_auth_hmacsha256_final(&state, out.data());
  sodium_memzero(&state, sizeof state);
  return out;
}

secret_key derive_key(const secret_key& parent, const char (&context)[9],
                      std::uint64_t number) {
  unsigned char material[secret_key::size];
  auto status = crypto_kdf_derive_from_key(material, sizeof material, number,
                                           context, parent.data());
  CLOISTER_ASSERT(status == 0);
  auto key = secret_key::from_bytes(
    {reinterpret_cast<const char*>(material), sizeof material});
  sodium_memzero(material, sizeof material);
  return key;
}

std::uint32_t checksum(bytes_view data) {
  auto full = blake2b<16>(nullptr, {data});
  return static_cast<std::uint32_t>(full[0]) << 24
         | static_cast<std::uint32_t>(full[1]) << 16
         | static_cast<std::uint32_t>(full[2]) << 8 | full[3];
}

bool equal_in_constant_time(bytes_view a, bytes_view b) noexcept {
  return a.size() == b.size()
         && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

digest add(const digest& a, const digest& b) noexcept {
  auto out = a;
  sodium_add(out.data(), b.data(), out.size());
  return out;
}

digest subtract(const digest& a, const digest& b) noexcept {
  auto out = a;
  sodium_sub(out.data(), b.data(), out.size());
  return out;
}

} // namespace cloister::crypto
