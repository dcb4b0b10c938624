// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/bytes.hpp"

namespace cloister::persistence {

/// CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4), the checksum of
/// LevelDB's blocks.
std::uint32_t crc32c(bytes_view data);

/// A stored checksum as LevelDB writes it: rotated and offset, so that the
/// checksum of data that holds checksums stays sound (`util/crc32c.h` there).
std::uint32_t mask_crc(std::uint32_t crc);
std::uint32_t unmask_crc(std::uint32_t masked);

/// The one bit (counted from the lowest bit of the first byte) of `size` bytes
/// that must be flipped to change their CRC by `difference` (exclusive or);
/// nothing where no single bit does. A CRC is linear, so each bit of a message
/// has its own difference, and below 2^31 bits no two share one.
std::optional<std::size_t> find_flipped_bit(std::size_t size,
                                            std::uint32_t difference);

} // namespace cloister::persistence
