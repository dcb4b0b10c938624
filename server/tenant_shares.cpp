// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/tenant_shares.hpp"

#include <algorithm>

#include "core/organization_share.hpp"

namespace cloister::server {

struct tenant_shares::one {
  const std::shared_ptr<counts> of;
  const std::string organization;
  std::size_t counted = 0;

  one(std::shared_ptr<counts> all, std::string whose)
    : of(std::move(all)), organization(std::move(whose)) {}
  one(const one&) = delete;
  one& operator=(const one&) = delete;
  ~one() {
    if (counted == 0)
      return;
    std::lock_guard guard{of->mutex};
    of->all -= counted;
    auto found = of->taken.find(organization);
    found->second -= counted;
    // Who has none is not remembered.
    if (found->second == 0)
      of->taken.erase(found);
  }
};

tenant_shares::tenant_shares(std::size_t of_all)
  : tenant_shares(of_all,
                  std::max<std::size_t>(1, organization_share(of_all))) {}

tenant_shares::turn tenant_shares::take(const scope& of, std::size_t amount) {
  return take(std::string{of.organization().path()}, amount);
}

tenant_shares::turn tenant_shares::take(std::string organization,
                                        std::size_t amount) {
  auto out = std::make_shared<one>(counts_, std::move(organization));
  if (amount == 0)
    return out;
  std::lock_guard guard{counts_->mutex};
  if (counts_->all + amount > all_max_)
    return nullptr;
  auto own = counts_->taken.try_emplace(out->organization, 0).first;
  if (own->second + amount > max_) {
    if (own->second == 0)
      counts_->taken.erase(own);
    return nullptr;
  }
  own->second += amount;
  counts_->all += amount;
  out->counted = amount;
  return out;
}

} // namespace cloister::server
