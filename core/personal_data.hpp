// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string_view>

namespace cloister {

/// What personal data a scope's segment looks like, as words for a message
/// ("an e-mail address"), or nothing. Recognised: e-mail addresses; `+` and 8
/// to 15 digits; 3-2-4 digits with hyphens; 13 to 19 digits grouped as on a
/// payment card with an issuer's prefix and a valid checksum (ISO/IEC 7812).
/// Bare digits never are. Percent-encoded forms count like plain ones.
std::optional<std::string_view> personal_data_in(std::string_view segment);

} // namespace cloister
