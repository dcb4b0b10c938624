// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/tenant_shares.hpp"

#include <algorithm>

namespace cloister::server {

struct tenant_shares::one {
  const std::shared_ptr<counts> of;
  const std::string organization;
  bool is_counted = false;

  one(std::shared_ptr<counts> all, std::string whose)
    : of(std::move(all)), organization(std::move(whose)) {}
  one(const one&) = delete;
  one& operator=(const one&) = delete;
  ~one() {
    if (!is_counted)
      return;
    std::lock_guard guard{of->mutex};
    auto found = of->taken.find(organization);
    // Who has none is not remembered.
    if (--found->second == 0)
      of->taken.erase(found);
  }
};

tenant_shares::tenant_shares(std::size_t of_all)
  : max_(std::max<std::size_t>(1, of_all - of_all / 4)) {}

tenant_shares::turn tenant_shares::take(const scope& of) {
  auto out
    = std::make_shared<one>(counts_, std::string{of.organization().path()});
  std::lock_guard guard{counts_->mutex};
  auto& taken = counts_->taken[out->organization];
  if (taken == max_)
    return nullptr;
  ++taken;
  out->is_counted = true;
  return out;
}

} // namespace cloister::server
