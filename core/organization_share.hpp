// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace cloister {

/// What one organization may have of something that all of them have in common:
/// three quarters, so that nobody alone keeps it from others, and whoever is
/// alone has most of it (decision 25).
template <class Number>
constexpr Number organization_share(Number all) {
  return all - all / 4;
}

} // namespace cloister
