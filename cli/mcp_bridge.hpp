// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "cli/context.hpp"

namespace cloister::cli {

/// Hands messages of standard input to a server, and its answers back.
exit_code serve_through(const context& shared, const std::string& url,
                        bool in_session);

} // namespace cloister::cli
