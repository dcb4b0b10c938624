// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/locator.hpp"

#include "core/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"

namespace cloister::persistence {

namespace {

constexpr std::size_t locator_at = 11;
constexpr std::size_t locator_bytes = 5;

crypto::short_digest mask_of(const crypto::secret_key& id_key,
                             const memory_id& id) {
  return crypto::keyed_short_hash(
    id_key, {"locator", view_of(id.octets).substr(0, locator_at)});
}

} // namespace

memory_id make_memory_id(const crypto::secret_key& id_key, const scope_tag& tag,
                         timestamp now) {
  memory_id id;
  auto time = static_cast<std::uint64_t>(now.milliseconds);
  for (std::size_t i = 0; i < 6; ++i)
    id.octets[i] = static_cast<std::uint8_t>(time >> (8 * (5 - i)));
  crypto::random_bytes(id.octets.data() + 6, locator_bytes);
  id.octets[6] = static_cast<std::uint8_t>((id.octets[6] & 0x0f) | 0x70);
  id.octets[8] = static_cast<std::uint8_t>((id.octets[8] & 0x3f) | 0x80);
  auto mask = mask_of(id_key, id);
  for (std::size_t i = 0; i < locator_bytes; ++i)
    id.octets[locator_at + i] = static_cast<std::uint8_t>(tag[i] ^ mask[i]);
  return id;
}

std::uint64_t locator_of(const crypto::secret_key& id_key,
                         const memory_id& id) {
  auto mask = mask_of(id_key, id);
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < locator_bytes; ++i)
    out = (out << 8)
          | static_cast<std::uint8_t>(id.octets[locator_at + i] ^ mask[i]);
  return out;
}

std::uint64_t locator_of(const scope_tag& tag) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < locator_bytes; ++i)
    out = (out << 8) | tag[i];
  return out;
}

} // namespace cloister::persistence
