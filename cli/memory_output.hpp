// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <CLI/App.hpp>

#include "cli/context.hpp"

namespace cloister::cli {

/// An argument, or standard input for "-".
std::string text_of(const std::string& argument);

/// A blank text is no JSON; an empty one must not be taken for "not given".
std::string not_blank(const std::string& json);

/// Prints one memory: a row and what else it has.
exit_code show_memory(const context& shared, const memory& value,
                      const scope& where);

void add_memory_writes(CLI::App& memory, context& shared);
void add_memory_reads(CLI::App& memory, context& shared);

} // namespace cloister::cli
