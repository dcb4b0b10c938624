// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace cloister {

/// Prints the broken condition and aborts; never returns.
[[noreturn]] void assertion_failed(const char* condition, const char* file,
                                   int line) noexcept;

} // namespace cloister

/// For mistakes of programmers, in every build. Never reachable by input.
#define CLOISTER_ASSERT(condition)                                             \
  ((condition) ? static_cast<void>(0)                                          \
               : ::cloister::assertion_failed(#condition, __FILE__, __LINE__))
