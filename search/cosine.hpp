// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cmath>
#include <span>
#include <vector>

namespace cloister::search {

/// Compares embeddings with one of them by the cosine of the angle between the
/// two: 1 for the same direction, 0 for nothing in common, -1 for the opposite.
/// Immutable.
class cosine {
public:
  explicit cosine(std::vector<float> wanted) : wanted_(std::move(wanted)) {
    auto size = length(wanted_);
    // What has no direction is like nothing.
    for (auto& component : wanted_)
      component = size > 0 ? static_cast<float>(component / size) : 0;
  }

  std::size_t dimensions() const {
    return wanted_.size();
  }

  /// Of one with as many dimensions.
  float to(std::span<const float> other) const {
    auto size = length(other);
    double sum = 0;
    for (std::size_t i = 0; i < wanted_.size(); ++i)
      sum += static_cast<double>(wanted_[i]) * static_cast<double>(other[i]);
    return size > 0 ? static_cast<float>(sum / size) : 0;
  }

private:
  static double length(std::span<const float> of) {
    double sum = 0;
    for (auto component : of)
      sum += static_cast<double>(component) * static_cast<double>(component);
    return std::sqrt(sum);
  }

  std::vector<float> wanted_;
};

} // namespace cloister::search
