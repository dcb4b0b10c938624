// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/output.hpp"

#include <algorithm>
#include <iostream>

#include <boost/json.hpp>

#include "cli/table.hpp"
#include "core/encoding.hpp"
#include "core/json_text.hpp"
#include "core/rfc3339.hpp"

namespace cloister::cli {

namespace {

namespace json = boost::json;

/// Breaks of lines are kept; what follows one stands under the first.
std::string lines_of(std::string_view text, std::size_t indent) {
  std::string out;
  for (std::size_t at = 0;;) {
    auto end = text.find('\n', at);
    out += printable(text.substr(at, end - at));
    if (end == std::string_view::npos)
      return out;
    out += '\n' + std::string(indent, ' ');
    at = end + 1;
  }
}

} // namespace

exit_code exit_code_of(errc code) {
  switch (code) {
    case errc::ok:
      return exit_code::done;
    case errc::invalid_argument:
      return exit_code::usage;
    case errc::overloaded:
    case errc::unavailable:
    case errc::sealed:
    case errc::quarantined:
    case errc::timeout:
      return exit_code::unavailable;
    case errc::corrupted:
      return exit_code::corrupted;
    default:
      return exit_code::refused;
  }
}

void print_fields(
  const std::vector<std::pair<std::string, std::string>>& fields) {
  std::size_t width = 0;
  for (const auto& [name, value] : fields)
    width = std::max(width, name.size());
  for (const auto& [name, value] : fields)
    std::cout << name << std::string(width - name.size() + 2, ' ')
              << lines_of(value, width + 2) << '\n';
}

std::string counted(std::uint64_t number, std::string_view one,
                    std::string_view many) {
  return std::to_string(number) + ' ' + std::string{number == 1 ? one : many};
}

void print_json(const json::value& document) {
  std::cout << to_json_text(document) << '\n';
}

void print_error(const error& failure) {
  std::cerr << "cloister: " << to_string(failure.code) << ": "
            << printable(failure.detail) << '\n';
}

std::string short_time(timestamp at) {
  auto text = to_rfc3339(at);
  text[10] = ' ';
  return text.substr(0, 16) + 'Z';
}

} // namespace cloister::cli
