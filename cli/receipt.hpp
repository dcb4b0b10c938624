// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "cli/context.hpp"

namespace cloister::cli {

/// Prints a receipt: the whole of it as JSON, else what it says.
exit_code show_receipt(const context& shared, const erasure_receipt& receipt);

/// A store's public key from a file, as `receipt key` prints it.
result<std::string> read_public_key(const std::string& path);

} // namespace cloister::cli
