// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/memory_id.hpp"

namespace cloister {

/// What happened in a scope.
enum class event_kind : std::uint8_t {
  created,
  updated,
  deleted,
  /// It was due, and has been removed.
  expired,
  /// Of a session directly below, or of the scope itself, if it is one.
  session_ended,
  /// What is asked for is not known any more: its audit trail was pruned, or
  /// the store is another one. Whoever keeps a copy reads all of it again.
  reset,
};

/// "created", …, "session_ended", "reset".
std::string_view to_string(event_kind kind) noexcept;

/// Up to where the events of a scope are known: an entry of its audit chain,
/// and how many of that entry's events. Written "17" or "17.3".
struct event_position {
  std::uint64_t entry = 0;
  std::uint32_t within = 0;

  friend auto operator<=>(const event_position&, const event_position&)
    = default;
};

std::string to_string(const event_position& at);
/// The inverse; fails with `invalid_argument`.
result<event_position> parse_event_position(std::string_view text);

/// One thing that happened. Never any content.
struct memory_event {
  event_kind kind = event_kind::created;
  timestamp at;
  /// The memory; nothing where all of the scope were deleted at once, and for
  /// other kinds.
  std::optional<memory_id> id;
  /// The memory's, as it is then, or was when it went; 0 where there is no id.
  std::uint32_t revision = 0;
  /// How many memories went where all were deleted.
  std::uint32_t count = 0;
  /// The tag of a session that ended, and why it did.
  std::string session = {};
  std::string reason = {};
  /// Right behind it: where to go on.
  event_position next;

  friend bool operator==(const memory_event&, const memory_event&) = default;
};

/// Some events of a scope, in the order in which they became durable.
struct event_page {
  std::vector<memory_event> events;
  /// Where to go on.
  event_position next;
  /// Whether there may be others by now.
  bool more = false;
};

} // namespace cloister
