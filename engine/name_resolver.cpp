// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/name_resolver.hpp"

#include "crypto/aead.hpp"
#include "engine/key_ring.hpp"
#include "persistence/locator.hpp"

namespace cloister::engine {

using persistence::record_kind;

void name_resolver::name(audit_line& line) {
  if (line.principal.empty())
    line.principal = principal_of(line.entry);
  line.scope = scope_of(line.entry.scope);
  if (line.entry.anchor)
    line.child = scope_of(line.entry.anchor->child);
  if (line.entry.wanted)
    line.target = line.entry.refused || line.entry.ended
                    ? "erased"
                    : scope_tagged(*line.entry.wanted);
}

std::string name_resolver::principal_of(const auth::audit_entry& entry) {
  switch (entry.principal) {
    case auth::principal_kind::operator_:
      return "operator";
    case auth::principal_kind::system:
      return "system";
    case auth::principal_kind::anonymous:
      return "anonymous";
    case auth::principal_kind::key:
      break;
  }
  auto [known, fresh] = principals_.try_emplace(entry.key);
  if (fresh) {
    known->second = identity_ ? label_of(entry.key) : std::string{};
    if (known->second.empty())
      known->second = auth::to_string(entry.key);
  }
  return known->second;
}

std::string name_resolver::scope_of(const auth::pseudonym& pseudonym) {
  if (!identity_)
    return node_scope(pseudonym);
  const auto& root = identity_->root();
  auto tags = with_.catalog.find_pseudonym(root, pseudonym);
  if (tags.has_error())
    return "erased";
  auto found = with_.catalog.follow(root.tag, *tags);
  return found ? std::string{(*found)->name.path()} : "erased";
}

/// The path of the scope with a tag, or "unknown".
std::string name_resolver::scope_tagged(const persistence::scope_tag& tag) {
  std::string unknown = "unknown";
  if (!identity_) {
    auto found = with_.catalog.follow(tag, {});
    return found ? std::string{(*found)->name.path()} : unknown;
  }
  const auto& root = identity_->root();
  auto candidates = with_.catalog.locate(root, persistence::locator_of(tag));
  if (candidates.has_error())
    return unknown;
  for (const auto& path : *candidates) {
    if (path.empty() || path.back() != tag)
      continue;
    auto found = with_.catalog.follow(root.tag, path);
    return found ? std::string{(*found)->name.path()} : unknown;
  }
  return unknown;
}

std::string name_resolver::node_scope(const auth::pseudonym& pseudonym) {
  if (pseudonym == with_.catalog.node().pseudonym)
    return "node";
  std::string name = "erased";
  static_cast<void>(with_.catalog.children(nullptr, [&](auto child) {
    if (child && (*child)->pseudonym == pseudonym)
      name = std::string{(*child)->name.path()};
    return name == "erased";
  }));
  return name;
}

std::string name_resolver::label_of(const auth::key_id& id) {
  const auto& root = identity_->root();
  auto key = root.space().key(record_kind::api_key,
                              key_record_rest(root.organization->tag, id));
  auto sealed = with_.records.get(key);
  if (sealed.has_error() || !*sealed)
    return {};
  auto plain = crypto::open(root.keys.control, key.view(), **sealed);
  if (plain.has_error())
    return {};
  auto record = auth::decode_key_record(*plain);
  return record ? record->label : std::string{};
}

} // namespace cloister::engine
