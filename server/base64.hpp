// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Base 64 with padding (RFC 4648, section 4).
namespace cloister::server {

std::string to_base64(std::string_view bytes);

/// Nothing for what is not exactly what `to_base64` makes.
std::optional<std::string> from_base64(std::string_view text);

} // namespace cloister::server
