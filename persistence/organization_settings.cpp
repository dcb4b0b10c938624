// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/organization_settings.hpp"

#include "core/encoding.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t settings_version = 2;
constexpr std::uint8_t version_without_limits = 1;

/// False where it says more than is known here.
bool read_limits(byte_reader& reader, quota& out) {
  auto which = reader.u8();
  for (std::size_t i = 0; i < quota_fields.size(); ++i)
    if ((which >> i & 1) != 0)
      out.*quota_fields[i].limit = reader.u64();
  return which >> quota_fields.size() == 0;
}

} // namespace

bytes encode_settings(const organization_settings& settings) {
  bytes out;
  byte_writer writer{out};
  writer.u8(settings_version);
  writer.u8(static_cast<std::uint8_t>(settings.search_language));
  unsigned which = 0;
  for (std::size_t i = 0; i < quota_fields.size(); ++i)
    if (settings.limits.*quota_fields[i].limit)
      which |= 1u << i;
  writer.u8(static_cast<std::uint8_t>(which));
  for (const auto& field : quota_fields)
    if (const auto& limit = settings.limits.*field.limit)
      writer.u64(*limit);
  return out;
}

result<organization_settings> decode_settings(bytes_view data) {
  byte_reader reader{data};
  auto version = reader.u8();
  auto in = reader.u8();
  quota limits;
  auto known = version == settings_version ? read_limits(reader, limits)
                                           : version == version_without_limits;
  if (!known || in >= language_names.size() || !reader.complete())
    return error{errc::corrupted, "an organization's or a scope's settings are "
                                  "malformed; run `cloister doctor`"};
  return organization_settings{static_cast<language>(in), limits};
}

} // namespace cloister::persistence
