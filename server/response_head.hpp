// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "server/http_message.hpp"

namespace cloister::server {

/// As Beast numbers the versions of HTTP.
constexpr unsigned http_1_1 = 11;

/// Appends a header. One whose value would end it, or begin another, is not
/// written.
void append_header(std::string& to, std::string_view name,
                   std::string_view value);

/// The status line, with the status's name, and headers of an answer: all but
/// what says how long its body is, and the empty line.
std::string head_of(const http_response& from, std::string_view reason,
                    unsigned version, bool keeps_alive);

} // namespace cloister::server
