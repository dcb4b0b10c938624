// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace cloister::cli {

/// Shows on a terminal how much of a known amount of work is done, once it has
/// taken over a second; wiped away when it ends. Shows nothing elsewhere, or if
/// `quiet`.
class progress_bar {
public:
  /// `total` may be 0, where it is not known.
  progress_bar(std::string what, std::uint64_t total, bool quiet);
  ~progress_bar();
  progress_bar(const progress_bar&) = delete;
  progress_bar& operator=(const progress_bar&) = delete;

  /// How much is done by now, and a word about it.
  void show(std::uint64_t done, const std::string& note);

private:
  std::string what_;
  std::uint64_t total_;
  bool visible_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

} // namespace cloister::cli
