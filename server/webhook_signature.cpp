// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/webhook_signature.hpp"

#include <array>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/encoding.hpp"
#include "server/base64.hpp"

namespace cloister::server {

namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::size_t secret_bytes = 24;

} // namespace

std::string webhook_secret(std::string_view derived) {
  auto bytes = from_hex(derived);
  if (!bytes || bytes->size() < secret_bytes)
    return {};
  return std::string{prefix}
         + to_base64(
           {reinterpret_cast<const char*>(bytes->data()), secret_bytes});
}

std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::string_view timestamp,
                              std::string_view body) {
  if (!secret.starts_with(prefix))
    return {};
  auto key = from_base64(secret.substr(prefix.size()));
  if (!key || key->empty())
    return {};
  std::string signed_text;
  for (auto part :
       {id, std::string_view{"."}, timestamp, std::string_view{"."}, body})
    signed_text += part;
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key->data(), static_cast<int>(key->size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()),
       signed_text.size(), out.data(), &size);
  return "v1," + to_base64({reinterpret_cast<const char*>(out.data()), size});
}

} // namespace cloister::server
