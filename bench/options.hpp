// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <vector>

namespace cloister::bench {

/// What the command line asks for.
struct options {
  std::string dir = "build/bench-data";
  /// Numbers of the rows to print; empty for all.
  std::set<int> only;
  /// How long one measurement takes; each is repeated.
  std::chrono::milliseconds span{3000};
  std::size_t scopes = 100'000;
  std::size_t sessions = 20'000;
  /// Sizes of a scope that searches are measured in; row 7 is 10,000.
  std::vector<std::size_t> search_sizes{1000, 10'000, 100'000};
  bool json = false;

  bool wants(int row) const {
    return only.empty() || only.contains(row);
  }
};

} // namespace cloister::bench
