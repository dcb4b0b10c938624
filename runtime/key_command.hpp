// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "core/bytes.hpp"
#include "core/error.hpp"

namespace cloister {

/// What a command of the shell prints, up to 4 KiB of it. Fails with
/// `unavailable` if it cannot be run, ends with another code than 0, prints
/// more, or takes longer than 30 seconds. The caller wipes what it gets.
result<bytes> output_of_command(const std::string& command);

} // namespace cloister
