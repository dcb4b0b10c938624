// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>

#include "server/exchange.hpp"

namespace cloister::server {

/// Why a request may not come from where it says, if so: a web page must not
/// reach a server on its visitor's machine, also not by a name of its own that
/// leads there (DNS rebinding).
std::optional<error> refused_origin(const exchange& call);

} // namespace cloister::server
