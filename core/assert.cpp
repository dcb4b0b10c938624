// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace cloister {

void assertion_failed(const char* condition, const char* file,
                      int line) noexcept {
  std::fprintf(stderr, "cloister: assertion failed: %s (%s:%d)\n", condition,
               file, line);
  std::abort();
}

} // namespace cloister
