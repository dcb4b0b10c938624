// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/ledger.hpp"

#include "crypto/aead.hpp"

namespace cloister::engine {

using persistence::record_kind;

ledger_context context_of(const persistence::scope_identity& identity) {
  return {
    identity.space(), identity.tag, identity.root().tag, identity.pseudonym,
    // What an ephemeral session leaves is its audit chain, whose head a
    // start must be able to read.
    identity.ephemeral ? &identity.organization->audit : &identity.keys.control,
    &identity.keys.fingerprint, &identity.organization->audit};
}

ledger_context context_of(const persistence::node_identity& node) {
  return {node.space(),
          persistence::node_identity::tag_of_node(),
          persistence::node_identity::tag_of_node(),
          node.pseudonym,
          &node.keys.control,
          &node.keys.fingerprint,
          &node.audit};
}

ledger_context
context_of_session(const persistence::scope_identity& of_organization,
                   const persistence::session_record& session) {
  const auto& tag = session.path.back();
  const auto& audit = of_organization.organization->audit;
  return {persistence::key_space{of_organization.partition, tag},
          tag,
          session.organization,
          session.pseudonym,
          &audit,
          &of_organization.keys.fingerprint,
          &audit};
}

ledger::ledger(ledger_context context, persistence::scope_head head,
               persistence::audit_journal& journal)
  : context_(context), journal_(journal) {
  reset(head);
}

bytes ledger::seal(auth::audit_entry& entry) const {
  entry.scope = context_.pseudonym;
  return crypto::seal(*context_.audit, 0,
                      auth::audit_context(view_of(context_.tag)),
                      auth::encode_audit_entry(entry));
}

result<void> ledger::note(auth::audit_entry entry) {
  auto sealed = seal(entry);
  auto sequence = journal_.append(context_.organization, context_.tag, sealed);
  if (sequence.has_error())
    return sequence.error();
  pending_.push_back({*sequence, std::move(sealed)});
  return {};
}

void ledger::reset(const persistence::scope_head& head) {
  head_ = head;
  journal_.settle(context_.tag, head_.journal_sequence);
  pending_ = journal_.unsettled(context_.tag);
}

void ledger::chain(persistence::write_batch& batch, bytes_view sealed) {
  auto key = context_.space.key(record_kind::audit_entry, head_.audit_length);
  batch.put(key, auth::encode_link(head_.audit_head, sealed));
  head_.audit_head
    = auth::next_head(head_.audit_head, head_.audit_length, sealed);
  ++head_.audit_length;
}

void ledger::chain_pending(persistence::write_batch& batch) {
  for (const auto& pending : std::exchange(pending_, {})) {
    chain(batch, pending.sealed);
    head_.journal_sequence = std::max(head_.journal_sequence, pending.sequence);
  }
}

std::uint64_t ledger::close_for_good(persistence::write_batch& batch) {
  chain_pending(batch);
  if (head_.batch_number > 0)
    batch.erase(context_.space.key(record_kind::head));
  return head_.journal_sequence;
}

void ledger::set_contents(const persistence::scope_head& from) {
  head_.next_sequence = from.next_sequence;
  head_.contents = from.contents;
  head_.memory_count = from.memory_count;
  head_.content_bytes = from.content_bytes;
}

std::uint64_t ledger::close(persistence::write_batch& batch,
                            auth::audit_entry* entry) {
  return close(batch, std::span{entry, entry != nullptr ? 1u : 0u});
}

std::uint64_t ledger::close(persistence::write_batch& batch,
                            std::span<auth::audit_entry> entries) {
  chain_pending(batch);
  for (auto& entry : entries)
    chain(batch, seal(entry));
  ++head_.batch_number;
  auto key = context_.space.key(record_kind::head);
  batch.put(key,
            crypto::seal(*context_.control, 0, key.view(), head_.encode()));
  return head_.journal_sequence;
}

void ledger::settle(std::uint64_t up_to) {
  journal_.settle(context_.tag, up_to);
}

result<auth::audit_entry> open_entry(const ledger_context& context,
                                     bytes_view sealed) {
  auto plain = crypto::open(*context.audit,
                            auth::audit_context(view_of(context.tag)), sealed);
  if (plain.has_error())
    return plain.error();
  return auth::decode_audit_entry(*plain);
}

void put_first_head(
  persistence::write_batch& batch, const persistence::scope_identity& identity,
  const std::vector<persistence::registry_addition>& registry) {
  persistence::scope_head head;
  head.audit_head = auth::first_head(view_of(identity.tag));
  for (const auto& addition : registry)
    head.registry.add(identity.keys.fingerprint, addition.key, addition.tag);
  auto key = identity.space().key(record_kind::head);
  batch.put(key,
            crypto::seal(identity.keys.control, 0, key.view(), head.encode()));
}

namespace {

result<std::optional<persistence::scope_head>>
head_of(const ledger_context& context, const persistence::store& records) {
  auto key = context.space.key(record_kind::head);
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return std::optional<persistence::scope_head>{};
  auto plain = crypto::open(*context.control, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  auto head = persistence::scope_head::decode(*plain);
  if (head.has_error())
    return head.error();
  return std::optional{*head};
}

} // namespace

result<persistence::scope_head> find_head(const ledger_context& context,
                                          const persistence::store& records) {
  auto found = head_of(context, records);
  if (found.has_error())
    return found.error();
  persistence::scope_head first;
  first.audit_head = auth::first_head(view_of(context.tag));
  return found->value_or(first);
}

result<persistence::scope_head> read_head(const ledger_context& context,
                                          const persistence::store& records) {
  auto found = head_of(context, records);
  if (found.has_error())
    return found.error();
  if (!*found)
    return error{errc::corrupted, "a scope's head is missing; run `cloister "
                                  "doctor`"};
  return **found;
}

} // namespace cloister::engine
