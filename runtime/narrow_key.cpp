// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/narrow_key.hpp"

#include "auth/narrowing.hpp"
#include "core/clock.hpp"

namespace cloister {

result<std::string> narrow_key(std::string_view api_key, const narrowing& to) {
  auth::restriction step;
  step.scope = to.scope;
  if (to.permissions)
    step.permissions = auth::permission_set::from_bits(
      static_cast<std::uint8_t>(*to.permissions));
  step.expires_at = to.expires_at;
  step.issued_at = system_clock()->now();
  if (to.expires_at && *to.expires_at <= *step.issued_at)
    return error{errc::invalid_argument, "the expiry lies in the past"};
  step.ancestors = to.ancestors;
  step.promote_to = to.promote_to;
  return auth::narrow_api_key(api_key, step);
}

} // namespace cloister
