// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "auth/operation.hpp"
#include "core/error.hpp"

namespace cloister::auth {

/// What a key may do. The values are part of the key record: never renumber.
enum class permission : std::uint8_t {
  read = 1,
  write = 2,
  remove = 4,
  share = 8,
  audit = 16,
  admin = 32,
};

class permission_set {
public:
  constexpr permission_set() = default;
  constexpr permission_set(std::initializer_list<permission> permissions) {
    for (auto p : permissions)
      bits_ = static_cast<std::uint8_t>(bits_ | static_cast<std::uint8_t>(p));
  }
  static constexpr permission_set all() {
    return from_bits(all_bits);
  }
  /// Unknown bits are dropped.
  static constexpr permission_set from_bits(std::uint8_t bits) {
    permission_set out;
    out.bits_ = static_cast<std::uint8_t>(bits & all_bits);
    return out;
  }

  constexpr bool contains(permission p) const {
    return (bits_ & static_cast<std::uint8_t>(p)) != 0;
  }
  constexpr bool contains(permission_set other) const {
    return (bits_ & other.bits_) == other.bits_;
  }
  constexpr bool empty() const {
    return bits_ == 0;
  }
  constexpr std::uint8_t bits() const {
    return bits_;
  }
  friend constexpr bool operator==(permission_set, permission_set) = default;
  /// What both contain.
  friend constexpr permission_set operator&(permission_set a,
                                            permission_set b) {
    return from_bits(static_cast<std::uint8_t>(a.bits_ & b.bits_));
  }

private:
  static constexpr std::uint8_t all_bits = 63;
  std::uint8_t bits_ = 0;
};

/// The one permission table.
constexpr permission required_for(operation what) {
  switch (what) {
    case operation::get_memory:
    case operation::list_memories:
    case operation::search_memories:
    case operation::memory_history:
    case operation::list_sessions:
    case operation::follow_events:
    case operation::find_scopes:
      return permission::read;
    case operation::create_memory:
    case operation::update_memory:
    case operation::restore_memory:
    case operation::receive_memory:
    case operation::open_session:
    case operation::renew_session:
      return permission::write;
    case operation::delete_memory:
    case operation::delete_all_memories:
    case operation::erase_copies:
    case operation::end_session:
      return permission::remove;
    case operation::share_memory:
    case operation::promote_memory:
      return permission::share;
    case operation::list_audit:
    case operation::verify_audit:
    case operation::sign_checkpoint:
    case operation::export_audit:
    case operation::sign_receipt:
      return permission::audit;
    case operation::create_key:
    case operation::list_keys:
    case operation::revoke_key:
    case operation::list_scopes:
    case operation::show_scope:
    case operation::read_subtree:
    case operation::show_settings:
    case operation::configure_organization:
    case operation::configure_scope:
    case operation::erase_scope:
    case operation::reinstate_scope:
    case operation::prune_audit:
    // What nobody may ask for is the administrator's at least.
    case operation::authenticate:
    case operation::bind_client:
    case operation::open_scope:
    case operation::expire_memory:
    case operation::start_node:
    case operation::initialize_node:
    case operation::create_organization:
    case operation::list_organizations:
    case operation::repair:
    case operation::end_scope:
    case operation::disable_organization:
    case operation::keep_organization:
    case operation::erase_organization:
    case operation::list_erased_names:
    case operation::back_up:
    case operation::restore_backup:
    case operation::rotate_master_key:
    case operation::rekey_scope:
    case operation::count_copies:
      return permission::admin;
  }
  return permission::admin;
}

static_assert(required_for(operation::search_memories) == permission::read);
static_assert(required_for(operation::create_memory) == permission::write);
static_assert(required_for(operation::delete_all_memories)
              == permission::remove);
static_assert(required_for(operation::share_memory) == permission::share);
static_assert(required_for(operation::list_audit) == permission::audit);
static_assert(required_for(operation::create_key) == permission::admin);
static_assert(required_for(operation::read_subtree) == permission::admin);
static_assert(required_for(operation::configure_scope) == permission::admin);
static_assert(!permission_set{permission::read}.contains(permission::write));

/// "read,write"; the names of the contract in the contract's order.
std::string to_string(permission_set permissions);

/// Reads a comma-separated list; "all" is every permission. Fails with
/// `invalid_argument`.
result<permission_set> parse_permissions(std::string_view text);

} // namespace cloister::auth
