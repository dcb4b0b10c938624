// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <csignal>

namespace cloister::cli {

/// While it lives, Ctrl-C does not end the process but is noted, so that what
/// is under way comes to an orderly end. A second one ends it.
class interruption {
public:
  interruption() {
    struct sigaction action {};
    action.sa_handler = [](int) { come_ = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, &before_);
  }
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;
  ~interruption() {
    ::sigaction(SIGINT, &before_, nullptr);
  }

  static bool has_come() {
    return come_ != 0;
  }

private:
  static inline volatile std::sig_atomic_t come_ = 0;
  struct sigaction before_ {};
};

} // namespace cloister::cli
