// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/aead.hpp"

#include "core/encoding.hpp"
#include "crypto/random.hpp"
#include "crypto/sodium.hpp"

namespace cloister::crypto {

namespace {

static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == 24);
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == sealed_tag_bytes);

constexpr std::size_t nonce_at = 5;

unsigned char* octets(char* data) {
  return reinterpret_cast<unsigned char*>(data);
}

const unsigned char* octets(const char* data) {
  return reinterpret_cast<const unsigned char*>(data);
}

/// `context` followed by version and epoch, without an allocation for the
/// usual short contexts.
class additional_data {
public:
  additional_data(bytes_view context, bytes_view version_and_epoch) {
    auto total = context.size() + version_and_epoch.size();
    auto* to = small_;
    if (total > sizeof small_) {
      large_.resize(total);
      to = large_.data();
    }
    context.copy(to, context.size());
    version_and_epoch.copy(to + context.size(), version_and_epoch.size());
    view_ = {to, total};
  }

  const unsigned char* data() const {
    return octets(view_.data());
  }
  std::size_t size() const {
    return view_.size();
  }

private:
  char small_[128];
  bytes large_;
  bytes_view view_;
};

error unopened() {
  return {errc::corrupted,
          "a sealed value does not open: wrong key, moved or damaged"};
}

} // namespace

bytes seal(const secret_key& key, std::uint32_t epoch, bytes_view context,
           bytes_view plain) {
  bytes out;
  out.reserve(plain.size() + sealed_overhead_bytes);
  byte_writer writer{out};
  writer.u8(sealed_version);
  writer.u32(epoch);
  out.resize(plain.size() + sealed_overhead_bytes);
  random_bytes(out.data() + nonce_at, 24);
  additional_data ad{context, bytes_view{out}.substr(0, nonce_at)};
  crypto_aead_xchacha20poly1305_ietf_encrypt(
    octets(out.data()) + sealed_header_bytes, nullptr, octets(plain.data()),
    plain.size(), ad.data(), ad.size(), nullptr, octets(out.data()) + nonce_at,
    key.data());
  return out;
}

result<bytes> open(const secret_key& key, bytes_view context,
                   bytes_view sealed) {
  if (sealed.size() < sealed_overhead_bytes)
    return unopened();
  if (static_cast<std::uint8_t>(sealed[0]) != sealed_version)
    return error{errc::corrupted, "a sealed value has an unknown version"};
  bytes plain(sealed.size() - sealed_overhead_bytes, '\0');
  additional_data ad{context, sealed.substr(0, nonce_at)};
  auto status = crypto_aead_xchacha20poly1305_ietf_decrypt(
    octets(plain.data()), nullptr, nullptr,
    octets(sealed.data()) + sealed_header_bytes,
    sealed.size() - sealed_header_bytes, ad.data(), ad.size(),
    octets(sealed.data()) + nonce_at, key.data());
  if (status != 0)
    return unopened();
  return plain;
}

std::uint32_t epoch_of(bytes_view sealed) noexcept {
  if (sealed.size() < sealed_overhead_bytes)
    return 0;
  return byte_reader{sealed.substr(1)}.u32();
}

bytes_view tag_of(bytes_view sealed) noexcept {
  if (sealed.size() < sealed_tag_bytes)
    return {};
  return sealed.substr(sealed.size() - sealed_tag_bytes);
}

bytes wrap(const secret_key& wrapping_key, bytes_view context,
           std::span<const secret_key* const> keys) {
  bytes plain;
  plain.reserve(keys.size() * secret_key::size);
  wipe_on_exit guard{plain};
  for (auto key : keys)
    plain.append(key->view());
  return seal(wrapping_key, 0, context, plain);
}

result<std::vector<secret_key>> unwrap(const secret_key& wrapping_key,
                                       bytes_view context, bytes_view wrapped) {
  auto plain = open(wrapping_key, context, wrapped);
  if (plain.has_error())
    return plain.error();
  wipe_on_exit guard{*plain};
  if (plain->size() % secret_key::size != 0)
    return unopened();
  std::vector<secret_key> keys;
  for (std::size_t at = 0; at < plain->size(); at += secret_key::size)
    keys.push_back(
      secret_key::from_bytes(bytes_view{*plain}.substr(at, secret_key::size)));
  return keys;
}

} // namespace cloister::crypto
