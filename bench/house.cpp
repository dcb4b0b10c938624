// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/house.hpp"

namespace cloister::bench {

namespace {

constexpr std::string_view organization_name = "org_acme";

/// No scope goes to sleep while something is measured.
runtime_options sleepless(const std::string& path) {
  runtime_options out;
  out.data_dir = path;
  out.memory_budget_bytes = std::size_t{1} << 40;
  out.scope_idle = std::chrono::hours{24};
  return out;
}

} // namespace

house::house(const std::string& path)
  : settings_(sleepless(path)), opened_(runtime::open(settings_).value()) {
  api_key_ = opened_->create_organization(organization_name).value().api_key;
  acme_ = opened_->organization(organization_name).value();
}

client house::user(std::size_t number) const {
  return acme_->client(user_name(number)).value();
}

void house::close() {
  acme_.reset();
  opened_.reset();
}

std::string user_name(std::size_t number) {
  return "user_" + std::to_string(number);
}

} // namespace cloister::bench
