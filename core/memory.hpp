// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/limits.hpp"
#include "core/memory_id.hpp"

namespace cloister {

/// A scope that a memory came through, by its tag; see
/// persistence/storage_key.hpp.
struct passed_scope {
  std::array<std::uint8_t, 16> tag{};
  bool is_session = false;

  friend bool operator==(const passed_scope&, const passed_scope&) = default;
};

/// Where a shared or promoted memory was copied from.
struct memory_origin {
  /// The source scope's pseudonym; its meaning dies with that scope.
  std::array<std::uint8_t, 16> pseudonym{};
  memory_id id;
  std::uint32_t revision = 0;
  /// Every scope that it was passed on from, and those above it, each once:
  /// whoever erases one of them may want its copies erased, too. At most
  /// `limits::origin_scopes_max`.
  std::vector<passed_scope> path = {};

  friend bool operator==(const memory_origin&, const memory_origin&) = default;
};

/// One memory as users see it. Times are UTC.
struct memory {
  memory_id id;
  std::string content;
  std::string type;
  /// A JSON object, serialized.
  std::string metadata;
  /// Caller-chosen, unique in its scope.
  std::optional<std::string> key;
  /// One dimension per scope; empty where the caller gave none.
  std::vector<float> embedding;
  /// The principal that wrote this revision.
  std::string author;
  std::uint32_t revision = 1;
  timestamp created_at;
  timestamp updated_at;
  std::optional<timestamp> expires_at;
  std::optional<memory_origin> origin;

  friend bool operator==(const memory&, const memory&) = default;
};

/// What a caller gives to create a memory.
struct memory_draft {
  std::string content = {};
  std::string memory_type = "fact";
  std::string metadata = "{}";
  std::optional<std::string> key = {};
  std::vector<float> embedding = {};
  std::optional<timestamp> expires_at = {};
  /// For imports; the time of the request when absent.
  std::optional<timestamp> created_at = {};
  /// Makes a retried create safe for as long as it is remembered.
  std::optional<std::string> idempotency_key = {};
  std::chrono::hours idempotency_lifetime = limits::idempotency_lifetime;
};

/// What a caller changes of a memory; what is absent stays.
struct memory_patch {
  std::optional<std::string> content = {};
  std::optional<std::string> memory_type = {};
  /// Merged into the old object as RFC 7396 says.
  std::optional<std::string> metadata = {};
  std::optional<std::vector<float>> embedding = {};
  /// A time, or an engaged empty value for "never".
  std::optional<std::optional<timestamp>> expires_at = {};
};

/// Checks every bound of the contract and puts the metadata in canonical form.
/// Fails with `invalid_argument` or `too_large` and names the field.
result<memory_draft> validated(memory_draft draft);
result<memory_patch> validated(memory_patch patch);

/// Checks a memory type's grammar alone.
result<void> validate_type(std::string_view type);

} // namespace cloister
