// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/machine.hpp"
#include "bench/options.hpp"

namespace cloister::bench {

enum class better { higher, lower };

/// One line of the table: what was measured, and what it is held against.
struct row {
  int number = 0;
  std::string what;
  std::string unit;
  /// What the limit is.
  std::string against;
  double measured = 0;
  double limit = 0;
  better direction = better::higher;
  /// For `measured / limit`; 0 for none.
  double target = 0;
  /// Spread and other things to know.
  std::string note;

  double ratio() const {
    return limit > 0 ? measured / limit : 0;
  }
  bool met() const;
};

/// "12,345", "12.3" or "1.23": three digits, or all before the point.
std::string readable(double value);

/// "12,345" or "1".
std::string counted(std::size_t number);

void print_table(const machine& on, const options& with,
                 const std::vector<row>& rows);
void print_json(const machine& on, const options& with,
                const std::vector<row>& rows);

/// A line on the standard error, so that a long run shows where it is.
void progress(std::string_view what);

} // namespace cloister::bench
