// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/operation.hpp"

#include <array>
#include <utility>

namespace cloister::auth {

namespace {

using entry = std::pair<operation, std::string_view>;

constexpr std::array<entry, 55> names{{
  {operation::create_memory, "memory.create"},
  {operation::get_memory, "memory.get"},
  {operation::list_memories, "memory.list"},
  {operation::search_memories, "memory.search"},
  {operation::update_memory, "memory.update"},
  {operation::delete_memory, "memory.delete"},
  {operation::delete_all_memories, "memory.delete-all"},
  {operation::memory_history, "memory.history"},
  {operation::restore_memory, "memory.restore"},
  {operation::share_memory, "memory.share"},
  {operation::receive_memory, "memory.receive"},
  {operation::create_key, "key.create"},
  {operation::list_keys, "key.list"},
  {operation::revoke_key, "key.revoke"},
  {operation::list_scopes, "scope.list"},
  {operation::show_scope, "scope.show"},
  {operation::list_audit, "audit.list"},
  {operation::verify_audit, "audit.verify"},
  {operation::read_subtree, "scope.subtree"},
  {operation::authenticate, "key.authenticate"},
  {operation::bind_client, "scope.bind"},
  {operation::show_settings, "org.settings"},
  {operation::configure_organization, "org.configure"},
  {operation::erase_scope, "scope.erase"},
  {operation::sign_checkpoint, "audit.checkpoint"},
  {operation::export_audit, "audit.export"},
  {operation::reinstate_scope, "scope.reinstate"},
  {operation::open_session, "session.open"},
  {operation::renew_session, "session.renew"},
  {operation::end_session, "session.end"},
  {operation::list_sessions, "session.list"},
  {operation::promote_memory, "memory.promote"},
  {operation::configure_scope, "scope.configure"},
  {operation::prune_audit, "audit.prune"},
  {operation::erase_copies, "memory.erase-copies"},
  {operation::sign_receipt, "scope.receipt"},
  {operation::follow_events, "events.follow"},
  {operation::find_scopes, "scope.find"},
  {operation::open_scope, "scope.open"},
  {operation::expire_memory, "memory.expire"},
  {operation::start_node, "node.start"},
  {operation::initialize_node, "node.init"},
  {operation::create_organization, "org.create"},
  {operation::list_organizations, "org.list"},
  {operation::repair, "node.repair"},
  {operation::end_scope, "scope.end"},
  {operation::disable_organization, "org.disable"},
  {operation::keep_organization, "org.keep"},
  {operation::erase_organization, "org.erase"},
  {operation::list_erased_names, "store.erased"},
  {operation::back_up, "store.backup"},
  {operation::restore_backup, "store.restore"},
  {operation::rekey_scope, "scope.rekey"},
  {operation::count_copies, "memory.count-copies"},
  {operation::rotate_master_key, "store.rotate-master-key"},
}};

} // namespace

std::string_view to_string(operation what) noexcept {
  for (const auto& [value, name] : names)
    if (value == what)
      return name;
  return "unknown";
}

std::optional<operation> parse_operation(std::string_view name) noexcept {
  for (const auto& [value, text] : names)
    if (text == name)
      return value;
  return std::nullopt;
}

} // namespace cloister::auth
