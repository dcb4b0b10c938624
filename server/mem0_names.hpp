// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/reserved_segment.hpp"
#include "core/scope.hpp"

/// What mem0's clients call users, agents, apps and runs, as segments of
/// scopes: its routes live under /mem0.
namespace cloister::server::mem0 {

/// Of one memory, or of who asks.
struct entity_ids {
  std::optional<std::string> user;
  std::optional<std::string> agent;
  std::optional<std::string> app;
  std::optional<std::string> run;

  bool is_empty() const {
    return !user && !agent && !app && !run;
  }
};

/// One kind of them, by the names that are on the wire.
struct entity_kind {
  /// "user_id"
  std::string_view field;
  /// "user"
  std::string_view type;
  /// "user_"
  std::string_view segment;
  std::optional<std::string> entity_ids::*of;
};

extern const std::array<entity_kind, 4> entity_kinds;

/// Any text as what a segment may be: what the grammar does not allow is
/// percent-encoded, and so is "%".
std::string encoded_name(std::string_view id);
/// The inverse.
std::string decoded_name(std::string_view name);

/// The scope of these below the key's root, like "user_a/agent_b/session_c".
/// Fails with `invalid_argument` for none, and for an agent with an app.
result<std::string> user_id_of(const entity_ids& ids);

entity_ids ids_in(const scope& name);

/// Where feedback, exports, projects and webhooks are kept, below a key's root:
/// a name that no app_id is encoded to.
inline constexpr std::string_view own_segment = reserved_segment;

} // namespace cloister::server::mem0
