// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "core/error.hpp"

namespace cloister {

/// "2026-01-31T12:00:00.000Z": UTC, always with milliseconds.
std::string to_rfc3339(timestamp at);

/// Reads an RFC 3339 time with any offset; a date alone means midnight UTC.
/// Fails with `invalid_argument` for anything else, years outside 1..9999
/// included.
result<timestamp> parse_rfc3339(std::string_view text);

} // namespace cloister
