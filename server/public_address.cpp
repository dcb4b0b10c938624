// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/public_address.hpp"

#include <algorithm>

namespace cloister::server {

namespace {

struct block_4 {
  std::uint32_t first;
  unsigned bits;
};

/// Of the registry of IPv4 addresses of special purpose, and multicast.
constexpr std::array<block_4, 14> special_4{{{0x00000000, 8},
                                             {0x0a000000, 8},
                                             {0x64400000, 10},
                                             {0x7f000000, 8},
                                             {0xa9fe0000, 16},
                                             {0xac100000, 12},
                                             {0xc0000000, 24},
                                             {0xc0000200, 24},
                                             {0xc0586300, 24},
                                             {0xc0a80000, 16},
                                             {0xc6120000, 15},
                                             {0xc6336400, 24},
                                             {0xcb007100, 24},
                                             {0xe0000000, 3}}};

bool is_public_4(std::span<const std::uint8_t> octets) {
  std::uint32_t address = 0;
  for (auto octet : octets)
    address = address << 8 | octet;
  return std::none_of(special_4.begin(), special_4.end(), [&](auto block) {
    return (address ^ block.first) >> (32 - block.bits) == 0;
  });
}

} // namespace

bool is_public_address(std::span<const std::uint8_t> octets) {
  if (octets.size() == 4)
    return is_public_4(octets);
  if (octets.size() != 16)
    return false;
  constexpr std::array<std::uint8_t, 12> nat64{0, 0x64, 0xff, 0x9b};
  if (std::equal(nat64.begin(), nat64.end(), octets.begin()))
    return is_public_4(octets.subspan(nat64.size()));
  // Of what is not 2000::/3 nothing leads anywhere else; of that not 6to4,
  // Teredo and documentation, which may hide an address of IPv4.
  auto is_global = (octets[0] & 0xe0) == 0x20;
  auto is_6to4 = octets[0] == 0x20 && octets[1] == 0x02;
  auto is_special
    = octets[0] == 0x20 && octets[1] == 0x01
      && (octets[2] < 0x02 || (octets[2] == 0x0d && octets[3] == 0xb8));
  return is_global && !is_6to4 && !is_special;
}

} // namespace cloister::server
