// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "core/error.hpp"
#include "runtime/master_key_source.hpp"

namespace cloister::cli {

/// Asks on the terminal, without showing what is typed. Fails with `sealed`
/// where there is no terminal.
result<std::string> ask_passphrase(const std::string& prompt);

/// What the options say, with a passphrase that was asked for where the store
/// needs one and nothing gives it.
result<master_key_source> with_passphrase(const master_key_source& given,
                                          const std::string& data_dir);

/// A passphrase that is to be: from a variable, or asked twice.
result<std::string> new_passphrase(const char* variable);

} // namespace cloister::cli
