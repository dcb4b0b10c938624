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

/// One byte more of a CRC in the making, which begins with all ones and is
/// inverted at the end.
std::uint32_t extend_crc(std::uint32_t state, std::uint8_t byte);

/// A byte of a message, and what to combine it with by exclusive or.
struct byte_change {
  std::size_t at = 0;
  std::uint8_t flips = 0;
};

/// The one change of a single byte in `size` bytes that changes their CRC by
/// `difference` (exclusive or); nothing where none does, or more than one. A
/// CRC is linear: what a changed byte does to it depends on the bits that
/// changed and on how many bytes follow, and on nothing else.
std::optional<byte_change> find_changed_byte(std::size_t size,
                                             std::uint32_t difference);

} // namespace cloister::persistence
