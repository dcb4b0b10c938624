// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

#include "cli/context.hpp"

namespace cloister::cli {

/// What the shells' scripts call: `cloister __complete WORD…`, the last word
/// being the one that is typed.
inline constexpr std::string_view complete_command = "__complete";

/// Prints what the last word may become, one a line: the word, and after a tab
/// what it means. Nothing where a file is wanted.
void print_completions(const CLI::App& app,
                       const std::vector<std::string>& words);

void add_completion_command(CLI::App& app, context& shared);

} // namespace cloister::cli
