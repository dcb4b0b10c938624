// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/memory_id.hpp"

#include "core/encoding.hpp"

namespace cloister {

result<memory_id> memory_id::parse(std::string_view text) {
  error malformed{errc::invalid_argument,
                  "not a memory id; it looks like "
                  "018f0c3e-1b2c-7def-8abc-0123456789ab"};
  if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-'
      || text[23] != '-')
    return malformed;
  std::string digits;
  for (auto c : text)
    if (c != '-')
      digits += c;
  auto octets = from_hex(digits);
  if (!octets || octets->size() != 16)
    return malformed;
  memory_id id;
  for (std::size_t i = 0; i < 16; ++i)
    id.octets[i] = static_cast<std::uint8_t>((*octets)[i]);
  return id;
}

std::string memory_id::to_string() const {
  auto hex = to_hex(view_of(octets));
  return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4)
         + '-' + hex.substr(16, 4) + '-' + hex.substr(20);
}

} // namespace cloister
