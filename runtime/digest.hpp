// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace cloister {

/// BLAKE2b-256 of a text in hexadecimal, for telling texts apart.
std::string text_digest(std::string_view text);

} // namespace cloister
