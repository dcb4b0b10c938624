// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/authority.hpp"

#include <algorithm>

#include "core/reserved_segment.hpp"
#include "crypto/random.hpp"

namespace cloister::auth {

namespace {

/// Sessions of an ancestor are others' business, as its memories are not.
bool is_inheritable(operation what) {
  return required_for(what) == permission::read
         && what != operation::list_sessions;
}

/// Whether the principal's root, or an exception to it, covers the target.
bool reaches(const authority& who, operation what, const scope& target) {
  if (who.root.contains(target))
    return true;
  if (what == operation::receive_memory && who.promote_to)
    return *who.promote_to == target;
  return is_inheritable(what) && may_inherit_from(who, target);
}

bool permits(const authority& who, operation what, const scope& target) {
  if (who.permissions.contains(required_for(what)))
    return true;
  return what == operation::receive_memory && who.promote_to
         && *who.promote_to == target
         && who.permissions.contains(permission::share);
}

authority_ptr unbounded(principal_kind kind, const char* name, scope root) {
  authority who{kind, {}, name, std::move(root), permission_set::all(), {}, {},
                {},   {}, {}};
  return std::make_shared<const authority>(std::move(who));
}

bool is_reserved(const scope& target) {
  // Asked with each operation, and hardly ever so.
  if (target.path().find(reserved_segment) == std::string_view::npos)
    return false;
  auto segments = target.segments();
  return std::find(segments.begin(), segments.end(), reserved_segment)
         != segments.end();
}

} // namespace

request_id make_request_id() {
  return crypto::random_array<16>();
}

request_id make_request_id(const authority& who) {
  return who.request ? *who.request : make_request_id();
}

authority_ptr operator_authority(scope root) {
  return unbounded(principal_kind::operator_, "operator", std::move(root));
}

authority_ptr system_authority(scope root) {
  return unbounded(principal_kind::system, "system", std::move(root));
}

authority key_authority(const key_record& record) {
  return {principal_kind::key,
          record.id,
          record.label.empty() ? to_string(record.id) : record.label,
          record.root,
          record.permissions,
          record.ancestors,
          record.expires_at,
          record.promote_to,
          {},
          {}};
}

result<grant> decide(const authority_ptr& who, operation what,
                     const scope& target, timestamp now,
                     const request_id& request) {
  if (std::any_of(who->revoked.begin(), who->revoked.end(), [](auto& flag) {
        return flag->load(std::memory_order_acquire);
      }))
    return error{errc::unauthenticated,
                 "the API key was revoked; ask for a new one"};
  if (who->expires_at && *who->expires_at <= now)
    return error{errc::unauthenticated,
                 "the API key has expired; ask for a new one"};
  if (who->root.organization() != target.organization()
      || !reaches(*who, what, target))
    return error{errc::forbidden,
                 "the key does not reach that scope; use one whose root "
                 "contains it"};
  if (!permits(*who, what, target))
    return error{errc::forbidden,
                 "the key lacks the permission \""
                   + to_string(permission_set{required_for(what)})
                   + "\"; use one that has it, or ask for a new key"};
  if (who->kind == principal_kind::key && is_reserved(target)
      && !who->permissions.contains(permission::admin))
    return error{errc::forbidden,
                 "that scope is the server's own, and needs the permission "
                 "\"admin\""};
  // Nobody lifts a limit of their own.
  if (what == operation::configure_scope && who->kind == principal_kind::key
      && who->root == target)
    return error{errc::forbidden,
                 "a key sets limits for what lies below its root, not for the "
                 "root itself; use one that is rooted above"};
  return grant{who, what, target, request};
}

result<scope> named_scope(const scope& root, std::string_view name) {
  if (name.starts_with("org_"))
    return scope::parse(name);
  auto resolved = root.resolve(name);
  if (resolved || resolved.error().code != errc::forbidden)
    return resolved;
  return root.organization().resolve(name);
}

ancestor_bound ancestors_within(const authority& who, ancestor_bound wanted) {
  using kind = ancestor_bound::kind;
  if (who.ancestors.which == kind::all || wanted.which == kind::none)
    return wanted;
  // Of what lies below, the root itself is an ancestor.
  auto limited = who.ancestors.which == kind::up_to && who.ancestors.limit
                 && who.ancestors.limit->contains(who.root);
  auto outermost = limited ? *who.ancestors.limit : who.root;
  if (wanted.which == kind::up_to && wanted.limit
      && outermost.contains(*wanted.limit))
    return wanted;
  return {kind::up_to, std::move(outermost)};
}

bool may_write_to(const authority& who, const scope& target) {
  if (who.promote_to == target)
    return true;
  return who.root.contains(target)
         && who.permissions.contains(permission::write);
}

bool may_inherit_from(const authority& who, const scope& ancestor) {
  if (who.root.contains(ancestor))
    return true;
  if (!ancestor.contains(who.root))
    return false;
  switch (who.ancestors.which) {
    case ancestor_bound::kind::all:
      return true;
    case ancestor_bound::kind::none:
      return false;
    case ancestor_bound::kind::up_to:
      return who.ancestors.limit && who.ancestors.limit->contains(ancestor);
  }
  return false;
}

} // namespace cloister::auth
