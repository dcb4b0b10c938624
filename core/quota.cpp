// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/quota.hpp"

namespace cloister {

result<quota> changed(const quota& before, const quota_changes& what) {
  auto out = before;
  for (const auto& field : quota_fields) {
    const auto& change = what.*field.change;
    if (!change)
      continue;
    if (*change && (**change < field.least || **change > field.most))
      return error{errc::invalid_argument,
                   std::string{field.name} + " is between "
                     + std::to_string(field.least) + " and "
                     + std::to_string(field.most)};
    out.*field.limit = *change;
  }
  if (out.operations_per_second)
    return out;
  if (what.operations_burst && *what.operations_burst)
    return error{errc::invalid_argument,
                 "operations_burst is nothing without operations_per_second; "
                 "give both"};
  out.operations_burst.reset();
  return out;
}

std::string to_string(const quota& limits) {
  std::string out;
  for (const auto& field : quota_fields)
    if (const auto& limit = limits.*field.limit) {
      out += out.empty() ? "" : ", ";
      out += std::string{field.name} + ' ' + std::to_string(*limit);
    }
  return out.empty() ? "no limits" : out;
}

} // namespace cloister
