// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string_view>

#include "core/error.hpp"
#include "server/http_message.hpp"

namespace cloister::server {

/// The status of the contract for a code.
unsigned status_of(errc code);

/// What a code means, for people.
std::string_view title_of(errc code);

/// An error without the paths of this machine, which tenants have no business
/// to know: of each only the last part is left. A path ends at a space.
error without_paths(error why);

/// An error as a problem document (RFC 9457), with Retry-After where waiting
/// helps. `status` is that of the code if it is 0.
http_response problem(const error& why, std::string_view request_id,
                      unsigned status = 0);

} // namespace cloister::server
