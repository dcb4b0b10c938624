// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/permission.hpp"

#include <array>
#include <utility>

namespace cloister::auth {

namespace {

constexpr std::array<std::pair<permission, std::string_view>, 6> names{{
  {permission::read, "read"},
  {permission::write, "write"},
  {permission::remove, "delete"},
  {permission::share, "share"},
  {permission::audit, "audit"},
  {permission::admin, "admin"},
}};

} // namespace

std::string to_string(permission_set permissions) {
  std::string out;
  for (const auto& [value, name] : names) {
    if (!permissions.contains(value))
      continue;
    if (!out.empty())
      out += ',';
    out += name;
  }
  return out;
}

result<permission_set> parse_permissions(std::string_view text) {
  if (text == "all")
    return permission_set::all();
  std::uint8_t bits = 0;
  while (!text.empty()) {
    auto comma = text.find(',');
    auto word = text.substr(0, comma);
    bool known = false;
    for (const auto& [value, name] : names) {
      if (word == name) {
        bits
          = static_cast<std::uint8_t>(bits | static_cast<std::uint8_t>(value));
        known = true;
      }
    }
    if (!known)
      return error{errc::invalid_argument,
                   "permissions are a list like read,write of read, write, "
                   "delete, share, audit, admin"};
    text.remove_prefix(comma == std::string_view::npos ? text.size()
                                                       : comma + 1);
  }
  if (bits == 0)
    return error{errc::invalid_argument, "at least one permission is needed"};
  return permission_set::from_bits(bits);
}

} // namespace cloister::auth
