// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "core/clock.hpp"

namespace cloister {

namespace {

class machine_clock final : public clock {
public:
  timestamp now() const override {
    using namespace std::chrono;
    auto since = std::chrono::system_clock::now().time_since_epoch();
    return {duration_cast<milliseconds>(since).count()};
  }

  std::chrono::nanoseconds steady() const override {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
};

} // namespace

std::shared_ptr<const clock> system_clock() {
  static const auto instance = std::make_shared<machine_clock>();
  return instance;
}

} // namespace cloister
