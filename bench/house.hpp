// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>
#include <string_view>

#include "runtime/runtime.hpp"

namespace cloister::bench {

/// A store with one organization, opened. What fails throws `result_error`:
/// there is nobody to answer to but the person who runs this.
class house {
public:
  /// Creates it in a folder that is not there yet.
  explicit house(const std::string& path);

  client user(std::size_t number) const;

  const runtime_options& settings() const {
    return settings_;
  }
  const std::string& api_key() const {
    return api_key_;
  }
  /// Puts everything to sleep and closes; clients must be gone.
  void close();

private:
  runtime_options settings_;
  std::string api_key_;
  std::optional<runtime> opened_;
  std::optional<organization> acme_;
};

/// The user_id of a scope.
std::string user_name(std::size_t number);

} // namespace cloister::bench
