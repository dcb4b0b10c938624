// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cloister::auth {

/// Everything that can be asked of a scope, or that happens to it. The values
/// are part of the audit format: never renumber, only append.
enum class operation : std::uint8_t {
  create_memory = 1,
  get_memory = 2,
  list_memories = 3,
  search_memories = 4,
  update_memory = 5,
  delete_memory = 6,
  delete_all_memories = 7,
  memory_history = 8,
  restore_memory = 9,
  /// Reading the source of a copy.
  share_memory = 10,
  /// Writing the copy.
  receive_memory = 11,
  create_key = 12,
  list_keys = 13,
  revoke_key = 14,
  list_scopes = 15,
  show_scope = 16,
  list_audit = 17,
  verify_audit = 18,
  /// Listing the scopes below, for `visibility: subtree`.
  read_subtree = 19,
  /// Presenting an API key.
  authenticate = 20,
  /// Being bound to a scope, by its name or user_id.
  bind_client = 21,
  /// Reading or changing an organization's settings.
  show_settings = 22,
  configure_organization = 23,
  /// Erasing a scope and all below it.
  erase_scope = 24,
  /// Signing where audit chains end.
  sign_checkpoint = 25,
  export_audit = 26,
  /// Letting the name of a scope that was erased be used again.
  reinstate_scope = 27,
  open_session = 28,
  renew_session = 29,
  end_session = 30,
  list_sessions = 31,
  /// Reading the source of a copy that stays when a session ends.
  promote_memory = 32,
  /// Changing the limits of one scope.
  configure_scope = 40,
  /// Removing the oldest entries of a trail.
  prune_audit = 41,
  /// Removing what came from a scope that is erased.
  erase_copies = 42,
  /// Signing a receipt of an erasure that the trail tells of.
  sign_receipt = 43,
  /// Being told of what happens in a scope, from now on or from before.
  follow_events = 44,
  /// Finding out which scopes there are that may be read, or have a memory.
  find_scopes = 45,
  // What happens without anybody asking.
  open_scope = 64,
  expire_memory = 65,
  start_node = 66,
  initialize_node = 67,
  create_organization = 68,
  list_organizations = 69,
  repair = 70,
  /// A scope's chain ends, because it was erased.
  end_scope = 71,
  /// Organizations are erased in two steps, the first of which can be undone.
  disable_organization = 72,
  keep_organization = 73,
  erase_organization = 74,
  // What the operator does with the whole store.
  list_erased_names = 75,
  back_up = 76,
  restore_backup = 77,
  rotate_master_key = 78,
  /// A scope's records are moved to another data key, and the former one is
  /// destroyed.
  rekey_scope = 79,
  /// Counting what came from a scope that is erased.
  count_copies = 80,
};

/// The name in audit lists, e.g. "memory.create".
std::string_view to_string(operation what) noexcept;

/// The inverse; nothing for an unknown name.
std::optional<operation> parse_operation(std::string_view name) noexcept;

} // namespace cloister::auth
