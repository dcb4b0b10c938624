// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/examiner.hpp"

#include <algorithm>

#include "core/assert.hpp"
#include "crypto/aead.hpp"
#include "engine/chain_checker.hpp"
#include "engine/erasures.hpp"
#include "engine/ledger.hpp"
#include "engine/scope_engine.hpp"
#include "persistence/session_record.hpp"

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::record_kind;

namespace {

class examiner {
public:
  examiner(const services& with, const persistence::key_slots& slots)
    : with_(with), slots_(slots) {}

  examination run() {
    const auto& node = with_.catalog.node();
    known_tags_.insert(persistence::node_identity::tag_of_node());
    examine_slot("node", 0);
    examine_registry("node", context_of(node));
    examine_children(nullptr, "node");
    examine_erasures();
    chain_checker checker{with_, {}};
    auto chains = checker.run(nullptr);
    chain_tags_ = checker.verified();
    if (chains.has_error())
      damage("node", chains.error().detail);
    else if (!chains->intact)
      damage(chains->first_broken, "audit chain: " + chains->reason);
    count_records();
    return std::move(out_);
  }

private:
  void damage(std::string scope, std::string what) {
    out_.damages.push_back({std::move(scope), std::move(what)});
  }

  void examine_children(const identity_ptr& parent, const std::string& name) {
    std::vector<identity_ptr> children;
    auto done = with_.catalog.children(parent, [&](auto child) {
      if (child)
        children.push_back(*child);
      else if (child.error().code != errc::erased)
        damage(name + "/(unreadable)", child.error().detail);
      return true;
    });
    if (done.has_error())
      damage(name, done.error().detail);
    for (const auto& child : children)
      examine_scope(child);
  }

  void examine_scope(const identity_ptr& identity) {
    auto name = std::string{identity->name.path()};
    ++out_.scopes;
    known_tags_.insert(identity->tag);
    examine_slot(name, identity->slot);
    auto loaded = load_scope(with_, *identity);
    if (loaded.has_error())
      damage(name, loaded.error().detail);
    examine_registry(name, context_of(*identity));
    examine_children(identity, name);
  }

  /// What is being erased is not lost.
  void examine_erasures() {
    auto space = with_.catalog.node().space();
    auto done = with_.records.scan(
      space.range(record_kind::erasure), {}, [&](bytes_view key, bytes_view) {
        byte_reader rest{persistence::rest_of(key)};
        auto tag = rest.array<16>();
        if (rest.complete())
          ++out_.unfinished_erasures;
        else
          tag = rest.array<16>();
        known_tags_.insert(tag);
        return true;
      });
    if (done.has_error())
      damage("node", done.error().detail);
  }

  void examine_slot(const std::string& name, std::uint64_t number) {
    auto slot = slots_.read(number);
    if (slot.has_error())
      damage(name, slot.error().detail);
    else if (!slot->both_copies)
      out_.half_slots.push_back(number);
  }

  void examine_registry(const std::string& name,
                        const ledger_context& context) {
    auto head = read_head(context, with_.records);
    if (head.has_error()) {
      damage(name, head.error().detail);
      return;
    }
    auto found = count_registry(with_, context);
    if (found.has_error())
      damage(name, found.error().detail);
    else if (*found != head->registry)
      damage(name, "its list of scopes and keys has lost or regained entries");
  }

  void count_records() {
    // Of ephemeral sessions that are open, or were when the process ended.
    if (auto listed
        = persistence::list_sessions(with_.catalog.node(), with_.records))
      for (const auto& each : *listed)
        if (each.record)
          known_tags_.insert(each.record->path.back());
    auto done = with_.records.scan({}, {}, [&](bytes_view key, bytes_view) {
      ++out_.records;
      byte_reader reader{key};
      reader.u16();
      auto tag = reader.array<16>();
      auto kind = static_cast<record_kind>(reader.u8());
      // Of what was erased the chains stay.
      auto is_of_chain
        = (kind == record_kind::audit_entry || kind == record_kind::audit_stub)
          && chain_tags_.contains(tag);
      if (known_tags_.contains(tag) || is_of_chain)
        return true;
      ++out_.orphaned_records;
      if (out_.orphans.size() < orphans_listed_max)
        out_.orphans.emplace_back(key);
      return true;
    });
    // What stopped it was met before, at the scope it belongs to.
    if (done.has_error() && out_.damages.empty())
      damage("node", done.error().detail);
  }

  const services& with_;
  const persistence::key_slots& slots_;
  examination out_;
  std::set<persistence::scope_tag> known_tags_;
  std::set<persistence::scope_tag> chain_tags_;
};

} // namespace

result<persistence::record_set> count_registry(const services& with,
                                               const ledger_context& context) {
  persistence::record_set found;
  result<void> opened;
  for (auto kind :
       {record_kind::child, record_kind::tombstone, record_kind::api_key,
        record_kind::secrets, record_kind::settings, record_kind::disabled}) {
    auto done = with.records.scan(
      context.space.range(kind), {}, [&](bytes_view key, bytes_view value) {
        auto plain = crypto::open(*context.control, key, value);
        if (plain.has_error())
          opened = plain.error();
        found.add(*context.fingerprint, key, crypto::tag_of(value));
        return opened.has_value();
      });
    if (done.has_error())
      return done.error();
  }
  if (opened.has_error())
    return opened.error();
  return found;
}

examination examine_store(const services& with,
                          const persistence::key_slots& slots) {
  return examiner{with, slots}.run();
}

result<void> remove_orphans(persistence::store& records,
                            const examination& found) {
  CLOISTER_ASSERT(found.damages.empty());
  constexpr std::size_t at_once = 10'000;
  for (std::size_t at = 0; at < found.orphans.size(); at += at_once) {
    auto batch = std::make_shared<persistence::write_batch>();
    auto end = std::min(at + at_once, found.orphans.size());
    for (auto i = at; i < end; ++i) {
      byte_reader reader{found.orphans[i]};
      auto partition = reader.u16();
      persistence::key_space space{partition, reader.array<16>()};
      auto kind = static_cast<record_kind>(reader.u8());
      batch->erase(space.key(kind, reader.rest()));
    }
    std::vector<std::shared_ptr<persistence::write_batch>> batches{batch};
    if (auto done = records.write(batches); done.has_error())
      return done;
  }
  return {};
}

} // namespace cloister::engine
