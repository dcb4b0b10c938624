// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace cloister {

/// Every way an operation can fail. The names are part of the public contract;
/// the values are part of the audit format: never renumber, only append.
enum class errc : unsigned char {
  ok = 0,
  invalid_argument = 1,
  unauthenticated = 2,
  forbidden = 3,
  not_found = 4,
  conflict = 5,
  erased = 6,
  too_large = 7,
  quota_exceeded = 8,
  rate_limited = 9,
  overloaded = 10,
  unavailable = 11,
  sealed = 12,
  quarantined = 13,
  timeout = 14,
  corrupted = 15,
};

/// The contract's name of a code, e.g. "not_found".
std::string_view to_string(errc code) noexcept;

/// A failure as a value: what kind, and a sentence that says what happened and
/// what to do. The sentence never contains a memory's content.
struct error {
  errc code = errc::unavailable;
  std::string detail;
  /// How long to wait before trying again; zero where waiting does not help.
  std::chrono::milliseconds retry_after{0};

  friend bool operator==(const error&, const error&) = default;
};

/// A value or an `error`. `value()` throws `result_error` if there is none.
template <class T>
using result = boost::system::result<T, error>;

/// What `result::value()` throws when it holds an error.
class result_error;

/// Called by Boost when `value()` is asked of a failed result.
[[noreturn]] void
throw_exception_from_error(const error& failure,
                           const boost::source_location& where);

} // namespace cloister
