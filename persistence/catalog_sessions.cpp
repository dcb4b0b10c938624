// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Names and identities of sessions.

#include "core/encoding.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "persistence/catalog.hpp"

namespace cloister::persistence {

namespace {

constexpr std::string_view session_prefix = "session_";
constexpr std::size_t random_bytes = 10;
constexpr std::size_t check_bytes = 6;

bytes check_of(const crypto::secret_key& key, const scope_tag& parent,
               bytes_view random) {
  auto hash
    = crypto::keyed_short_hash(key, {"session", view_of(parent), random});
  return bytes{view_of(hash).substr(0, check_bytes)};
}

} // namespace

std::string catalog::mint_session_name(const identity_ptr& parent) const {
  auto random = crypto::random_array<random_bytes>();
  auto text
    = bytes{view_of(random)}
      + check_of(tag_key_of(parent), tag_of_parent(parent), view_of(random));
  return std::string{session_prefix} + to_hex(text);
}

bool catalog::is_minted_session(const identity_ptr& parent,
                                std::string_view segment) const {
  constexpr auto digits = 2 * (random_bytes + check_bytes);
  if (!segment.starts_with(session_prefix)
      || segment.size() != session_prefix.size() + digits)
    return false;
  auto text = from_hex(segment.substr(session_prefix.size()));
  // Only what was minted is written like this.
  if (!text || to_hex(*text) != segment.substr(session_prefix.size()))
    return false;
  auto random = bytes_view{*text}.substr(0, random_bytes);
  return bytes_view{*text}.substr(random_bytes)
         == check_of(tag_key_of(parent), tag_of_parent(parent), random);
}

identity_ptr catalog::make_session(const identity_ptr& parent,
                                   const scope& name, const scope_tag& tag,
                                   timestamp now) {
  return std::make_shared<scope_identity>(
    scope_identity{name, tag, parent->partition, 1, crypto::random_array<16>(),
                   now, 0, scope_keys::random(), parent->organization,
                   parent->settings, parent, true});
}

} // namespace cloister::persistence
