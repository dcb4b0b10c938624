// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "core/clock.hpp"
#include "core/memory_id.hpp"
#include "crypto/secret_key.hpp"
#include "persistence/storage_key.hpp"

namespace cloister::persistence {

// A memory id is a UUIDv7 (RFC 9562, section 5.7):
//
//   octets 0..5    milliseconds since 1970
//   octets 6..10   version, variant and 34 random bits
//   octets 11..15  the scope's locator XOR mask
//   locator        the first 40 bits of the scope's tag
//   mask           the first 40 bits of BLAKE2b-128(organization's id key,
//                  "locator" octets 0..10)

/// A new id for a memory of the scope with `tag`.
memory_id make_memory_id(const crypto::secret_key& id_key, const scope_tag& tag,
                         timestamp now);

/// The locator that an id carries, if the id is of this organization.
std::uint64_t locator_of(const crypto::secret_key& id_key, const memory_id& id);

/// The locator of a tag.
std::uint64_t locator_of(const scope_tag& tag);

} // namespace cloister::persistence
