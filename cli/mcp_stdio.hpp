// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "runtime/client.hpp"

/// The Model Context Protocol over standard input and output.
namespace cloister::cli {

/// A line of standard input, or nothing after the last. What is too long is
/// cut, and is no JSON then.
bool read_message(std::string& line);

/// Answers messages until there are no more, and tells what was subscribed to.
void serve_embedded(const client& bound);

} // namespace cloister::cli
