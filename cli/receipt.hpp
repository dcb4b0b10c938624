// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <boost/json.hpp>

#include "cli/context.hpp"

namespace cloister::cli {

/// Whether a receipt is of what was done a moment ago.
enum class receipt_time { now, earlier };

/// Prints a receipt: the whole of it as JSON, else what it says.
exit_code show_receipt(const context& shared, const erasure_receipt& receipt,
                       receipt_time when = receipt_time::now);

/// Erases every scope within the key's reach whose name ends with a segment.
exit_code erase_everywhere(context& shared, const std::string& segment,
                           erase_options options, bool yes);

/// A store's public key from a file, as `receipt key` prints it.
result<std::string> read_public_key(const std::string& path);

} // namespace cloister::cli
