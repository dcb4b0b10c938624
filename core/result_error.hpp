// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <stdexcept>

#include "core/error.hpp"

namespace cloister {

/// Thrown by `result::value()` when the result holds an error.
class result_error : public std::runtime_error {
public:
  explicit result_error(error failure)
    : std::runtime_error(std::string{to_string(failure.code)} + ": "
                         + failure.detail),
      failure_(std::move(failure)) {}

  const error& failure() const noexcept {
    return failure_;
  }

private:
  error failure_;
};

} // namespace cloister
