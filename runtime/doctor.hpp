// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "runtime/master_key_source.hpp"

namespace cloister {

enum class finding_level : std::uint8_t { ok, warning, damage, repaired, lost };

std::string_view to_string(finding_level level) noexcept;

/// One thing that was looked at.
struct finding {
  finding_level level = finding_level::ok;
  std::string what;
  std::string advice;
};

struct doctor_report {
  std::vector<finding> findings;
  std::uint64_t scopes = 0;
  std::uint64_t records = 0;
  bool repaired = false;

  /// Whether nothing is damaged, and a repair lost nothing.
  bool healthy() const;
};

struct doctor_options {
  std::string data_dir = "cloister-data";
  master_key_source key = {};
  /// Recover what can be verified; a copy is kept aside.
  bool repair = false;
};

/// Examines a store that no process has open: permissions, keys, disk space,
/// every record, every head, every chain. Fails with `not_found`,
/// `unavailable` (a process has it open) or `sealed`.
result<doctor_report> examine(const doctor_options& options);

} // namespace cloister
