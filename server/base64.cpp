// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/base64.hpp"

#include <openssl/evp.h>

namespace cloister::server {

std::string to_base64(std::string_view bytes) {
  // One more for the NUL that is written behind.
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  auto length
    = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out(text.size(), '\0');
  auto length
    = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (length < 0)
    return std::nullopt;
  // What stands for the padding is no part of it.
  auto padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  if (length < padding)
    return std::nullopt;
  out.resize(static_cast<std::size_t>(length - padding));
  // OpenSSL passes over spaces, and over bits that stand for nothing.
  if (to_base64(out) != text)
    return std::nullopt;
  return out;
}

} // namespace cloister::server
