// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

namespace cloister {

/// Raw bytes, not text. A `std::string` because that is what the store, the
/// ciphers and the standard library exchange without copying.
using bytes = std::string;
using bytes_view = std::string_view;

} // namespace cloister
