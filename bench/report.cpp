// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/report.hpp"

#include <cmath>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <sstream>

#include <boost/json.hpp>

namespace cloister::bench {

namespace {

constexpr int what_width = 46;
constexpr int value_width = 15;
constexpr int ratio_width = 8;
constexpr int target_width = 9;
constexpr double small = 10;
constexpr double middling = 1000;

std::string with_commas(std::string digits) {
  constexpr std::size_t group = 3;
  for (auto at = digits.size(); at > group;) {
    at -= group;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string fixed(double value, int decimals) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(decimals) << value;
  return out.str();
}

std::string target_text(const row& line) {
  if (line.target <= 0)
    return "-";
  return (line.direction == better::higher ? ">= " : "<= ")
         + fixed(line.target, 2);
}

std::string verdict(const row& line) {
  if (line.target <= 0)
    return "";
  return line.met() ? "met" : "missed";
}

void print_row(const row& line) {
  using std::setw;
  std::cout << setw(2) << line.number << "  " << std::left << setw(what_width)
            << line.what << std::right << setw(value_width)
            << readable(line.measured) + ' ' + line.unit << setw(value_width)
            << readable(line.limit) + ' ' + line.unit << setw(ratio_width)
            << fixed(line.ratio(), 2) << setw(target_width) << target_text(line)
            << "  " << verdict(line) << '\n';
  std::cout << "      limit: " << line.against << '\n';
  if (!line.note.empty())
    std::cout << "      " << line.note << '\n';
}

} // namespace

bool row::met() const {
  return direction == better::higher ? ratio() >= target : ratio() <= target;
}

std::string readable(double value) {
  if (value >= middling)
    return with_commas(fixed(std::round(value), 0));
  return fixed(value, value >= small ? 1 : 2);
}

std::string counted(std::size_t number) {
  return with_commas(std::to_string(number));
}

void print_table(const machine& on, const options& with,
                 const std::vector<row>& rows) {
  std::cout << "\nCloister benchmark\n"
            << "  machine   " << on.cpu << ", " << on.cores << " cores, "
            << on.kernel << '\n'
            << "  data      " << on.data_dir << " on " << on.file_system << '\n'
            << "  settings  " << with.span.count()
            << " ms per measurement, medians of several, each next to its "
               "limit;\n            "
            << counted(with.scopes)
            << " scopes; auditing on, all creates synced\n";
  if (on.file_system.starts_with("tmpfs"))
    std::cout << "  warning   nothing is synced here: the rows about durable "
                 "creates say nothing\n";
  std::cout << "\n #  " << std::left << std::setw(what_width) << "what"
            << std::right << std::setw(value_width) << "measured"
            << std::setw(value_width) << "limit" << std::setw(ratio_width)
            << "ratio" << std::setw(target_width) << "target" << '\n';
  for (const auto& line : rows)
    print_row(line);
  std::cout << std::flush;
}

void print_json(const machine& on, const options& with,
                const std::vector<row>& rows) {
  boost::json::array lines;
  for (const auto& line : rows)
    lines.push_back(
      {{"number", line.number},
       {"what", line.what},
       {"unit", line.unit},
       {"measured", line.measured},
       {"limit", line.limit},
       {"limit_is", line.against},
       {"ratio", line.ratio()},
       {"target", line.target},
       {"better", line.direction == better::higher ? "higher" : "lower"},
       {"met", line.target <= 0 || line.met()},
       {"note", line.note}});
  boost::json::object all{{"cpu", on.cpu},
                          {"cores", on.cores},
                          {"kernel", on.kernel},
                          {"file_system", on.file_system},
                          {"span_ms", with.span.count()},
                          {"scopes", with.scopes},
                          {"rows", std::move(lines)}};
  std::cout << boost::json::serialize(all) << std::endl;
}

void progress(std::string_view what) {
  std::cerr << "  " << what << std::endl;
}

} // namespace cloister::bench
