// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <string_view>

namespace cloister {

/// Hashes texts that a tenant chooses, for tables in memory. It depends on
/// numbers drawn when the process starts, so that nobody can choose texts whose
/// hashes are alike and make a table as slow as a list. Never stored.
/// Multiplies and folds as wyhash does (Wang Yi, 2019). Thread-safe.
std::uint64_t string_hash(std::string_view text) noexcept;

/// For the standard library's tables; finds by view.
struct string_hasher {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return string_hash(text);
  }
};

} // namespace cloister
