// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/webhook_signature.hpp"

#include <array>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/encoding.hpp"

namespace cloister::server {

namespace {

constexpr std::string_view prefix = "whsec_";
constexpr std::size_t secret_bytes = 24;

std::string base64(const unsigned char* data, std::size_t size) {
  std::vector<unsigned char> out((size + 2) / 3 * 4 + 1);
  auto length = EVP_EncodeBlock(out.data(), data, static_cast<int>(size));
  return {out.begin(), out.begin() + length};
}

std::vector<unsigned char> from_base64(std::string_view text) {
  std::vector<unsigned char> out(text.size());
  auto length = EVP_DecodeBlock(
    out.data(), reinterpret_cast<const unsigned char*>(text.data()),
    static_cast<int>(text.size()));
  if (length < 0)
    return {};
  // What stands for the padding is no part of it.
  auto padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(length - padding));
  return out;
}

} // namespace

std::string webhook_secret(std::string_view derived) {
  auto bytes = from_hex(derived);
  if (!bytes || bytes->size() < secret_bytes)
    return {};
  return std::string{prefix}
         + base64(reinterpret_cast<const unsigned char*>(bytes->data()),
                  secret_bytes);
}

std::string webhook_signature(std::string_view secret, std::string_view id,
                              std::string_view timestamp,
                              std::string_view body) {
  if (!secret.starts_with(prefix))
    return {};
  auto key = from_base64(secret.substr(prefix.size()));
  if (key.empty())
    return {};
  std::string signed_text;
  for (auto part :
       {id, std::string_view{"."}, timestamp, std::string_view{"."}, body})
    signed_text += part;
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()),
       signed_text.size(), out.data(), &size);
  return "v1," + base64(out.data(), size);
}

} // namespace cloister::server
