// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/audit_reader.hpp"

#include <algorithm>

#include "auth/audit_chain.hpp"
#include "engine/chain_checker.hpp"
#include "engine/chain_start.hpp"
#include "engine/ledger.hpp"
#include "engine/name_resolver.hpp"
#include "persistence/organization_ends.hpp"

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::record_kind;

namespace {

constexpr std::size_t audit_index_bytes = 8;

/// Whether a key, or one of the steps it was narrowed by, has that name.
bool is_of_key(const auth::audit_entry& entry, const std::string& name) {
  return auth::to_string(entry.key) == name
         || std::any_of(entry.narrowings.begin(), entry.narrowings.end(),
                        [&](const auto& narrowing) {
                          return auth::to_string(entry.key, narrowing) == name;
                        });
}

bool matches(const audit_line& line, const list_audit& wanted) {
  if (wanted.what && line.entry.what != *wanted.what)
    return false;
  if (wanted.outcome && line.entry.outcome != *wanted.outcome)
    return false;
  if (wanted.since && line.entry.at < *wanted.since)
    return false;
  return !wanted.principal || line.principal == *wanted.principal
         || is_of_key(line.entry, *wanted.principal);
}

result<audit_page> read_page(const services& with,
                             const ledger_context& context, name_resolver names,
                             const list_audit& wanted) {
  auto prefix = context.space.range(record_kind::audit_entry);
  bytes before;
  if (wanted.before)
    byte_writer{before}.u64(*wanted.before);
  else
    before = bytes(audit_index_bytes + 1, '\xff');
  std::vector<std::pair<std::uint64_t, bytes>> found;
  audit_page page;
  constexpr int older_in_a_row_max = 1000;
  // A filter that little passes must not keep a loader for long: the page then
  // has fewer lines, and the next one goes on behind what was looked at.
  constexpr std::size_t looked_at_max = 50'000;
  const auto at_once = std::max<std::size_t>(wanted.limit, 256);
  std::size_t looked_at = 0;
  int older_in_a_row = 0;
  for (;;) {
    found.clear();
    auto done = with.records.scan_back(
      prefix, before, [&](bytes_view key, bytes_view value) {
        found.emplace_back(byte_reader{persistence::rest_of(key)}.u64(),
                           bytes{value});
        return found.size() < at_once;
      });
    if (done.has_error())
      return done.error();
    for (auto& [index, value] : found) {
      auto link = auth::decode_link(index, value);
      if (link.has_error())
        return link.error();
      auto entry = open_entry(context, link->sealed);
      if (entry.has_error())
        return entry.error();
      if (wanted.since && entry->at < *wanted.since) {
        // A chain is not strictly in the order of time: reads join it later
        // than changes, and those of a dead process at the next start.
        if (++older_in_a_row == older_in_a_row_max)
          return page;
        continue;
      }
      older_in_a_row = 0;
      audit_line line{index, std::move(*entry), {}, {}, {}, {}};
      line.principal = names.principal_of(line.entry);
      if (!matches(line, wanted))
        continue;
      if (page.lines.size() == wanted.limit) {
        page.next = page.lines.back().index;
        return page;
      }
      names.name(line);
      page.lines.push_back(std::move(line));
    }
    if (found.size() < at_once)
      return page;
    looked_at += found.size();
    if (looked_at >= looked_at_max) {
      page.next = found.back().first;
      return page;
    }
    before.clear();
    byte_writer{before}.u64(found.back().first);
  }
}

/// Adds the ends of the chains of a scope and of all below it.
result<void> add_heads(const services& with, const ledger_context& context,
                       const identity_ptr& identity, chain_heads& out) {
  auto head = read_head(context, with.records);
  if (head.has_error())
    return head.error();
  out.heads.push_back({context.tag, head->audit_length, head->audit_head});
  result<void> failure;
  auto done = with.catalog.children(identity, [&](auto child) {
    if (child.has_error() && child.error().code == errc::erased)
      return true;
    auto added = child ? add_heads(with, context_of(**child), *child, out)
                       : result<void>{child.error()};
    if (added.has_error() && child) {
      // It may have been erased meanwhile: then the chain above tells.
      auto entry = with.catalog.entry_of(identity, (*child)->tag);
      if (entry && !*entry)
        return true;
    }
    failure = added;
    return failure.has_value();
  });
  return done.has_error() ? done : failure;
}

} // namespace

result<audit_page> read_audit(const services& with,
                              const identity_ptr& identity,
                              const list_audit& wanted) {
  return read_page(with, context_of(*identity), name_resolver{with, identity},
                   wanted);
}

result<audit_page> read_node_audit(const services& with,
                                   const list_audit& wanted) {
  return read_page(with, context_of(with.catalog.node()),
                   name_resolver{with, nullptr}, wanted);
}

result<audit_report> verify_chains(const services& with,
                                   const identity_ptr& identity,
                                   const std::vector<chain_head>& expected) {
  return chain_checker{with, expected}.run(identity);
}

result<exported_page> read_chain(const services& with,
                                 const identity_ptr& identity,
                                 const export_chain& wanted) {
  constexpr std::size_t at_once = 1000;
  auto context
    = identity ? context_of(*identity) : context_of(with.catalog.node());
  // Chains of one organization are sealed under one key.
  context.space = {identity ? identity->partition : persistence::node_partition,
                   wanted.chain};
  context.tag = wanted.chain;
  std::optional<persistence::former_organization> former;
  if (!identity && wanted.former) {
    auto found = persistence::read_former(with.catalog.node(), with.records,
                                          *wanted.former);
    if (found.has_error())
      return found.error();
    // Without what opens the entries there is nothing to be shown.
    if (!*found || !(*found)->audit)
      return exported_page{};
    former = std::move(**found);
    context.space = {former->partition, wanted.chain};
    context.audit = &*former->audit;
  }
  std::vector<std::pair<std::uint64_t, bytes>> found;
  bytes from;
  byte_writer{from}.u64(wanted.from);
  auto done = with.records.scan(
    context.space.range(record_kind::audit_entry), from,
    [&](bytes_view key, bytes_view value) {
      auto index = byte_reader{persistence::rest_of(key)}.u64();
      if (index < wanted.until)
        found.emplace_back(index, bytes{value});
      return index + 1 < wanted.until && found.size() < at_once;
    });
  if (done.has_error())
    return done.error();
  exported_page page;
  if (wanted.from == 0) {
    auto stub = read_stub(with, context);
    if (stub.has_error())
      return stub.error();
    page.stub = *stub;
  }
  name_resolver names{with, identity};
  for (const auto& [index, value] : found) {
    auto link = auth::decode_link(index, value);
    if (link.has_error())
      return link.error();
    auto entry = open_entry(context, link->sealed);
    if (entry.has_error())
      return entry.error();
    audit_line line{index, std::move(*entry), {}, {}, {}, {}};
    names.name(line);
    page.entries.push_back({std::move(*link), std::move(line)});
  }
  return page;
}

result<chain_heads> read_chain_heads(const services& with,
                                     const identity_ptr& identity) {
  chain_heads out;
  auto context
    = identity ? context_of(*identity) : context_of(with.catalog.node());
  out.root = context.tag;
  if (auto done = add_heads(with, context, identity, out); done.has_error())
    return done.error();
  return out;
}

} // namespace cloister::engine
