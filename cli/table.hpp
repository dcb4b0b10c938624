// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cloister::cli {

/// One line of printable characters: tenants' text must not drive a terminal.
std::string printable(std::string_view text);

/// Prints rows under headings, padded to the widest cell. On a terminal they
/// are made to fit: columns headed UPDATED or TYPE are left out if nothing else
/// helps, the last column is cut, then the widest of the others, and scopes in
/// front. Columns headed ID, KEY or KEY ID are there to be copied and stay
/// whole; what has no room beside them stands below.
void print_table(const std::vector<std::string>& headings,
                 const std::vector<std::vector<std::string>>& rows);

} // namespace cloister::cli
