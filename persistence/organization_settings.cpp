// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/organization_settings.hpp"

#include "core/encoding.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t settings_version = 1;

} // namespace

bytes encode_settings(const organization_settings& settings) {
  bytes out;
  byte_writer writer{out};
  writer.u8(settings_version);
  writer.u8(static_cast<std::uint8_t>(settings.search_language));
  return out;
}

result<organization_settings> decode_settings(bytes_view data) {
  byte_reader reader{data};
  auto version = reader.u8();
  auto in = reader.u8();
  if (version != settings_version || in >= language_names.size()
      || !reader.complete())
    return error{errc::corrupted, "an organization's settings are malformed; "
                                  "run `cloister doctor`"};
  return organization_settings{static_cast<language>(in)};
}

} // namespace cloister::persistence
