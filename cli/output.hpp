// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "cli/table.hpp"
#include "core/error.hpp"
#include "runtime/types.hpp"
#include "wire/output.hpp"

namespace cloister::cli {

/// Exit codes of the contract.
enum class exit_code : int {
  done = 0,
  refused = 1,
  usage = 2,
  unavailable = 3,
  corrupted = 4,
};

exit_code exit_code_of(errc code);

/// How a command answers.
struct output_style {
  bool json = false;
  bool quiet = false;
};

/// Prints one "name  value" a line; nothing is cut.
void print_fields(
  const std::vector<std::pair<std::string, std::string>>& fields);

/// "1 memory", "2 memories".
std::string counted(std::uint64_t number, std::string_view one,
                    std::string_view many);

/// Prints one JSON document and a newline.
void print_json(const boost::json::value& document);

/// "cloister: CODE: what happened; what to do" on standard error.
void print_error(const error& failure);

using wire::organization_to_json;
using wire::to_json;
using wire::to_json_with_limits;

/// "2026-01-31 12:00Z" for tables; UTC.
std::string short_time(timestamp at);

} // namespace cloister::cli
