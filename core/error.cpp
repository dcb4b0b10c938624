// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/error.hpp"

#include "core/result_error.hpp"

namespace cloister {

std::string_view to_string(errc code) noexcept {
  switch (code) {
    case errc::ok:
      return "ok";
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::unauthenticated:
      return "unauthenticated";
    case errc::forbidden:
      return "forbidden";
    case errc::not_found:
      return "not_found";
    case errc::conflict:
      return "conflict";
    case errc::erased:
      return "erased";
    case errc::too_large:
      return "too_large";
    case errc::quota_exceeded:
      return "quota_exceeded";
    case errc::rate_limited:
      return "rate_limited";
    case errc::overloaded:
      return "overloaded";
    case errc::unavailable:
      return "unavailable";
    case errc::sealed:
      return "sealed";
    case errc::quarantined:
      return "quarantined";
    case errc::timeout:
      return "timeout";
    case errc::corrupted:
      return "corrupted";
  }
  return "unknown";
}

void throw_exception_from_error(const error& failure,
                                const boost::source_location&) {
  throw result_error{failure};
}

} // namespace cloister
