// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace cloister::server {

/// Whether an address of IPv4 (4 octets) or IPv6 (16) can be anywhere in the
/// world: not this machine, not a private network, and nothing else that the
/// registries of special purposes (RFC 6890) name.
bool is_public_address(std::span<const std::uint8_t> octets);

} // namespace cloister::server
