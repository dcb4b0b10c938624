// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/repairer.hpp"

#include <functional>
#include <set>

#include "engine/chain_start.hpp"
#include "engine/examiner.hpp"
#include "engine/scope_engine.hpp"
#include "engine/scope_repairer.hpp"

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::record_kind;

namespace {

/// Whether a scope's own records, registry and chain are as its head says.
bool verifies(const services& with, const ledger_context& context,
              const persistence::scope_identity* identity) {
  if (identity != nullptr && load_scope(with, *identity).has_error())
    return false;
  auto head = read_head(context, with.records);
  auto registry = count_registry(with, context);
  if (head.has_error() || registry.has_error() || *registry != head->registry)
    return false;
  auto stub = read_stub(with, context);
  if (stub.has_error())
    return false;
  auto chain = verifier_from(context, *stub);
  bool met = head->audit_length == 0
             || (chain.length() == head->audit_length
                 && chain.head() == head->audit_head);
  auto done
    = with.records.scan(context.space.range(record_kind::audit_entry), {},
                        [&](bytes_view key, bytes_view value) {
                          auto index
                            = byte_reader{persistence::rest_of(key)}.u64();
                          auto link = auth::decode_link(index, value);
                          if (link.has_error() || !chain.follow(*link))
                            return false;
                          if (chain.length() == head->audit_length)
                            met = chain.head() == head->audit_head;
                          return true;
                        });
  return done && chain.intact() && met;
}

result<void> repair_tree(const services& with, persistence::store& records,
                         const identity_ptr& identity, repair_report& report) {
  auto context
    = identity ? context_of(*identity) : context_of(with.catalog.node());
  auto name = identity ? std::string{identity->name.path()} : "node";
  if (may_be_older(records, context)
      || !verifies(with, context, identity.get())) {
    if (auto done
        = repair_scope(with, records, context, name, identity, report);
        done.has_error())
      return done;
  }
  std::vector<identity_ptr> children;
  auto done = with.catalog.children(identity, [&](auto child) {
    if (child)
      children.push_back(*child);
    else if (child.error().code != errc::erased)
      report.lost.push_back(name + ": a scope below it cannot be opened ("
                            + child.error().detail + ")");
    return true;
  });
  if (done.has_error())
    return done;
  for (const auto& child : children)
    if (auto deeper = repair_tree(with, records, child, report);
        deeper.has_error())
      return deeper;
  return {};
}

/// Every scope below one that can be opened.
void visit_below(const services& with, const identity_ptr& parent,
                 const std::function<void(const identity_ptr&)>& visit) {
  std::vector<identity_ptr> children;
  static_cast<void>(with.catalog.children(parent, [&](auto child) {
    if (child)
      children.push_back(*child);
    return true;
  }));
  for (const auto& child : children) {
    visit(child);
    visit_below(with, child, visit);
  }
}

std::size_t count_unlisted_keys(const services& with,
                                const persistence::key_slots& slots) {
  std::set<persistence::scope_tag> known{
    persistence::node_identity::tag_of_node()};
  visit_below(with, nullptr,
              [&](const identity_ptr& scope) { known.insert(scope->tag); });
  std::size_t out = 0;
  for (std::uint64_t slot = 0; slot < slots.capacity(); ++slot)
    if (auto found = slots.read(slot); found && !known.contains(found->owner))
      ++out;
  return out;
}

/// The greatest start number in which a scope's chain took journal entries.
std::uint64_t last_start_seen(const services& with) {
  constexpr int entry_number_bits = 40;
  std::uint64_t out = 0;
  visit_below(with, nullptr, [&](const identity_ptr& scope) {
    if (auto head = read_head(context_of(*scope), with.records))
      out = std::max(out, head->journal_sequence >> entry_number_bits);
  });
  return out;
}

/// A node whose head was lost begins to number its starts anew; the journal's
/// numbers build on that, and must exceed all that chains have seen.
result<void> raise_start_number(const services& with,
                                persistence::store& records) {
  auto context = context_of(with.catalog.node());
  auto head = read_head(context, records);
  if (head.has_error())
    return head.error();
  auto seen = last_start_seen(with);
  if (head->next_sequence > seen)
    return {};
  head->next_sequence = seen + 1;
  ledger book{context, *head, with.journal};
  auto batch = std::make_shared<persistence::write_batch>();
  book.close(*batch, nullptr);
  std::vector<std::shared_ptr<persistence::write_batch>> batches{batch};
  return records.write(batches);
}

} // namespace

result<repair_report> repair_store(const services& with,
                                   persistence::key_slots& slots,
                                   persistence::store& records) {
  repair_report report;
  for (std::uint64_t slot = 0; slot < slots.capacity(); ++slot) {
    auto found = slots.read(slot);
    if (!found || found->both_copies)
      continue;
    if (auto done = slots.mend(slot); done.has_error())
      return done.error();
    report.recovered.push_back("key slot " + std::to_string(slot)
                               + ": its good copy replaced the bad one");
  }
  if (auto done = repair_tree(with, records, nullptr, report); done.has_error())
    return done.error();
  report.unlisted_keys = count_unlisted_keys(with, slots);
  if (auto done = raise_start_number(with, records); done.has_error())
    return done.error();
  return report;
}

} // namespace cloister::engine
