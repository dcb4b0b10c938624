// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/memory_event.hpp"

#include <charconv>

namespace cloister {

std::string_view to_string(event_kind kind) noexcept {
  switch (kind) {
    case event_kind::created:
      return "created";
    case event_kind::updated:
      return "updated";
    case event_kind::deleted:
      return "deleted";
    case event_kind::expired:
      return "expired";
    case event_kind::session_ended:
      return "session_ended";
    case event_kind::reset:
      return "reset";
  }
  return "";
}

std::string to_string(const event_position& at) {
  auto out = std::to_string(at.entry);
  if (at.within > 0)
    out += '.' + std::to_string(at.within);
  return out;
}

result<event_position> parse_event_position(std::string_view text) {
  error malformed{errc::invalid_argument,
                  "an event's id is a number like 17 or 17.3; begin without "
                  "one to get what happens from now on"};
  event_position out;
  auto end = text.data() + text.size();
  auto [behind, failed] = std::from_chars(text.data(), end, out.entry);
  if (failed != std::errc{})
    return malformed;
  if (behind == end)
    return out;
  if (*behind != '.')
    return malformed;
  auto rest = std::from_chars(behind + 1, end, out.within);
  if (rest.ec != std::errc{} || rest.ptr != end)
    return malformed;
  return out;
}

} // namespace cloister
