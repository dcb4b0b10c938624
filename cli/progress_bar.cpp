// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/progress_bar.hpp"

#include <algorithm>
#include <iostream>

#include <unistd.h>

namespace cloister::cli {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds first_shown{1000};
constexpr std::chrono::milliseconds interval{200};
constexpr std::uint64_t cells = 24;

} // namespace

progress_bar::progress_bar(std::string what, std::uint64_t total, bool quiet)
  : what_(std::move(what)),
    total_(total),
    visible_(!quiet && ::isatty(STDERR_FILENO) != 0),
    next_(steady_clock::now() + first_shown) {}

progress_bar::~progress_bar() {
  // Back to the start of the line, and clear it.
  if (shown_)
    std::cerr << "\r\x1b[K" << std::flush;
}

void progress_bar::show(std::uint64_t done, const std::string& note) {
  if (!visible_ || steady_clock::now() < next_)
    return;
  next_ = steady_clock::now() + interval;
  shown_ = true;
  std::cerr << '\r' << what_ << ' ';
  if (total_ > 0) {
    auto part = std::min(done, total_);
    auto full = part * cells / total_;
    std::cerr << '[' << std::string(full, '#') << std::string(cells - full, '.')
              << "] " << part * 100 / total_ << " % ";
  }
  std::cerr << note << "\x1b[K" << std::flush;
}

} // namespace cloister::cli
