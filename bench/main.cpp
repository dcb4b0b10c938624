// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <iostream>

#include <CLI/CLI.hpp>

#include <unistd.h>

#include "bench/rows.hpp"

// Measures Cloister against what the machine, LevelDB and CAF allow, and
// prints one table.

namespace {

using namespace cloister::bench;

constexpr int last_row = 17;

/// Memory is measured first: later it would grow into what others left free.
std::vector<row> measure(const options& with, const data_folder& in) {
  std::vector<row> rows;
  for (auto some : {measure_scopes, measure_creates, measure_reads,
                    measure_searches, measure_sessions, measure_trails}) {
    for (auto& line : some(with, in))
      rows.push_back(std::move(line));
    // What is still to be written must not be the next one's burden.
    ::sync();
  }
  std::stable_sort(rows.begin(), rows.end(), [](const row& a, const row& b) {
    return a.number < b.number;
  });
  return rows;
}

void run(const options& with) {
  data_folder folder{with.dir};
  auto on = this_machine(folder.path());
  auto rows = measure(with, folder);
  if (with.json)
    print_json(on, with, rows);
  else
    print_table(on, with, rows);
}

int run_arguments(int argc, char** argv) {
  CLI::App app{"Measures Cloister against what the machine allows.",
               "cloister_bench"};
  options with;
  std::vector<int> only;
  auto span = 3.0;
  app.add_option("--dir", with.dir, "Where to make stores; on a real disk")
    ->capture_default_str();
  app.add_option("--only", only, "Rows of the table, e.g. 1,2")
    ->delimiter(',')
    ->check(CLI::Range(1, last_row));
  app.add_option("--seconds", span, "How long one measurement takes")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  app.add_option("--scopes", with.scopes, "How many for rows 5, 6 and 16")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  app.add_option("--sessions", with.sessions, "How many for row 14")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  app
    .add_option("--search-sizes", with.search_sizes,
                "Memories of the scope of rows 7 and 8; up to 1000000")
    ->delimiter(',');
  app.add_flag("--json", with.json, "One JSON document instead of a table");
  CLI11_PARSE(app, argc, argv);
  with.only = {only.begin(), only.end()};
  with.span = std::chrono::milliseconds{static_cast<int>(span * 1000)};
  run(with);
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  try {
    return run_arguments(argc, argv);
  } catch (const std::exception& failure) {
    std::cerr << "cloister_bench: " << failure.what() << '\n';
    return 1;
  }
}
