// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/prunable.hpp"

#include "engine/chain_start.hpp"
#include "persistence/session_record.hpp"

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::record_kind;
using persistence::scope_tag;

namespace {

/// What one batch removes, and takes over: it stays small beside others.
constexpr std::size_t entries_at_once = 1000;
constexpr std::size_t facts_bytes_at_once = 256 * 1024;

ledger_context own_context(const services& with, const identity_ptr& identity) {
  return identity ? context_of(*identity) : context_of(with.catalog.node());
}

/// Takes what is needed further on out of entries that go.
class fact_taker {
public:
  fact_taker(const services& with, identity_ptr identity,
             const std::optional<ended_chain>& ended, prunable& out)
    : with_(with), identity_(std::move(identity)), ended_(ended), out_(out) {}

  result<void> take(const auth::audit_entry& entry, std::uint64_t index) {
    for (const auto& carried : entry.carried) {
      auto known = auth::decode_audit_entry(carried.entry);
      if (known.has_error())
        return known.error();
      if (auto done = take_one(*known, carried.index); done.has_error())
        return done;
    }
    return take_one(entry, index);
  }

  bool is_full() const {
    return bytes_ >= facts_bytes_at_once;
  }

private:
  result<void> take_one(const auth::audit_entry& entry, std::uint64_t index) {
    // Of what was erased there are no records, and nothing below is left but
    // chains that ended.
    if (entry.outcome == errc::ok && !ended_)
      for (const auto& effect : entry.effects)
        out_.effects.push_back({effect, entry.at});
    bytes_ += entry.effects.size() * sizeof(auth::audit_effect);
    auto needed = tells_of_end(entry);
    if (!needed && !ended_) {
      auto begun = tells_of_living(entry);
      if (begun.has_error())
        return begun.error();
      needed = *begun || is_fact_of_names(entry);
    }
    if (needed)
      keep(entry, index);
    return {};
  }

  static bool tells_of_end(const auth::audit_entry& entry) {
    return entry.anchor && entry.ended;
  }

  static bool is_fact_of_names(const auth::audit_entry& entry) {
    return entry.outcome == errc::ok
           && (entry.refused || entry.what == auth::operation::revoke_key);
  }

  /// Whether it tells where the chain of something begins that is there.
  result<bool> tells_of_living(const auth::audit_entry& entry) {
    if (!entry.anchor || entry.ended)
      return false;
    auto open = is_open_session(entry.anchor->child);
    if (open.has_error() || *open)
      return open;
    return identity_ ? is_below(entry.anchor->child)
                     : is_organization(entry.anchor->child);
  }

  result<bool> is_open_session(const auth::pseudonym& child) {
    if (!sessions_) {
      auto listed
        = persistence::list_sessions(with_.catalog.node(), with_.records);
      if (listed.has_error())
        return listed.error();
      sessions_.emplace();
      for (const auto& each : *listed)
        if (each.record)
          sessions_->insert(each.record->pseudonym);
    }
    return sessions_->contains(child);
  }

  /// What cannot be looked at is taken for there.
  result<bool> is_below(const auth::pseudonym& child) const {
    const auto& root = identity_->root();
    auto tags = with_.catalog.find_pseudonym(root, child);
    if (tags.has_error())
      return tags.error().code == errc::unavailable ? result<bool>{tags.error()}
                                                    : false;
    if (tags->empty())
      return true;
    auto entry = with_.catalog.entry_of(identity_, tags->back());
    return entry.has_error() || *entry;
  }

  result<bool> is_organization(const auth::pseudonym& child) const {
    bool found = false;
    auto done = with_.catalog.children(nullptr, [&](auto each) {
      found = each ? (*each)->pseudonym == child
                   : each.error().code != errc::erased;
      return !found;
    });
    if (done.has_error())
      return done.error();
    return found;
  }

  /// Without who asked, and what else it was about.
  void keep(const auth::audit_entry& entry, std::uint64_t index) {
    auth::audit_entry fact;
    fact.at = entry.at;
    fact.what = entry.what;
    fact.outcome = entry.outcome;
    fact.anchor = entry.anchor;
    fact.wanted = entry.wanted;
    fact.ended = entry.ended;
    fact.refused = entry.refused;
    if (entry.refused)
      fact.contents = entry.contents;
    if (entry.what == auth::operation::revoke_key)
      fact.reason = entry.reason;
    // Told by the node from now on, it must say whose organization's it was.
    if (ended_ && ended_->former)
      fact.wanted = ended_->former;
    if (ended_)
      fact.refused.reset();
    out_.facts.push_back({index, auth::encode_audit_entry(fact)});
    bytes_ += out_.facts.back().entry.size();
  }

  const services& with_;
  identity_ptr identity_;
  const std::optional<ended_chain>& ended_;
  prunable& out_;
  std::size_t bytes_ = 0;
  std::optional<std::set<auth::pseudonym>> sessions_;
};

error unverified() {
  return {errc::corrupted, "this trail does not verify, so nothing of it is "
                           "pruned; see `cloister audit verify`"};
}

/// Reads from where the chain begins; see `read_prunable`.
class slice_reader {
public:
  slice_reader(const ledger_context& context, const prune_chain& what,
               fact_taker& facts, prunable& out)
    : context_(context),
      what_(what),
      facts_(facts),
      out_(out),
      verifier_(verifier_from(context, out.stub)),
      until_(what.ended ? what.ended->length
                        : std::numeric_limits<std::uint64_t>::max()) {
    out_.from = out_.to = verifier_.length();
    out_.head = verifier_.head();
  }

  result<void> read(const persistence::store& records) {
    if (verifier_.length() >= until_)
      return {};
    auto done = records.scan(
      context_.space.range(record_kind::audit_entry), {},
      [this](bytes_view key, bytes_view value) { return visit(key, value); });
    return done.has_error() ? done : failure_;
  }

  /// Where an ended chain must have got to, if all of it goes.
  bool is_as_told() const {
    return !what_.ended || out_.to < what_.ended->length
           || (out_.to == what_.ended->length
               && out_.head == what_.ended->head);
  }

private:
  bool visit(bytes_view key, bytes_view value) {
    auto index = byte_reader{persistence::rest_of(key)}.u64();
    auto link = auth::decode_link(index, value);
    if (link.has_error() || !verifier_.follow(*link)) {
      failure_ = unverified();
      return false;
    }
    auto entry = open_entry(context_, link->sealed);
    if (entry.has_error()) {
      failure_ = unverified();
      return false;
    }
    if (entry->at >= what_.before)
      return false;
    if (out_.to - out_.from == entries_at_once || facts_.is_full()) {
      out_.more = true;
      return false;
    }
    failure_ = facts_.take(*entry, index);
    out_.to = verifier_.length();
    out_.head = verifier_.head();
    return failure_.has_value() && out_.to < until_;
  }

  const ledger_context& context_;
  const prune_chain& what_;
  fact_taker& facts_;
  prunable& out_;
  auth::chain_verifier verifier_;
  std::uint64_t until_;
  result<void> failure_;
};

/// Calls `visit` for each end of a chain that one tells.
result<void> visit_ends(
  const ledger_context& context, const persistence::store& records,
  std::uint64_t until,
  const std::function<void(const auth::audit_entry&, std::uint64_t)>& visit) {
  result<void> failure;
  auto done = records.scan(
    context.space.range(record_kind::audit_entry), {},
    [&](bytes_view key, bytes_view value) {
      auto index = byte_reader{persistence::rest_of(key)}.u64();
      auto link = auth::decode_link(index, value);
      auto entry = link ? open_entry(context, link->sealed) : link.error();
      if (entry.has_error()) {
        failure = unverified();
        return false;
      }
      failure = auth::visit_told(*entry, index, visit);
      return failure.has_value() && index + 1 < until;
    });
  return done.has_error() ? done : failure;
}

} // namespace

result<std::shared_ptr<const ended_context>>
context_of_ended(const services& with, const identity_ptr& above,
                 const ended_chain& which) {
  auto out = std::make_shared<ended_context>(ended_context{
    std::nullopt,
    {{above ? above->partition : persistence::partition_id{0}, which.tag},
     which.tag,
     {},
     {},
     nullptr,
     nullptr,
     above ? &above->organization->audit : nullptr}});
  if (!above && which.former) {
    auto found = persistence::read_former(with.catalog.node(), with.records,
                                          *which.former);
    if (found.has_error())
      return found.error();
    if (*found) {
      out->former = std::move(**found);
      out->context.space = {out->former->partition, which.tag};
      out->context.audit = out->former->audit ? &*out->former->audit : nullptr;
    }
  }
  return std::shared_ptr<const ended_context>{std::move(out)};
}

result<prunable> read_prunable(const services& with,
                               const identity_ptr& identity,
                               const prune_chain& what) {
  prunable out;
  out.generation = with.records.generation();
  auto context = own_context(with, identity);
  std::shared_ptr<const ended_context> ended;
  if (what.ended) {
    auto found = context_of_ended(with, identity, *what.ended);
    if (found.has_error())
      return found.error();
    ended = std::move(*found);
    context = ended->context;
    // Nobody can say how old what does not open is.
    if (context.audit == nullptr)
      return out;
  }
  auto stub = read_stub(with, context);
  if (stub.has_error())
    return stub.error();
  out.stub = *stub;
  fact_taker facts{with, identity, what.ended, out};
  slice_reader slice{context, what, facts, out};
  if (auto done = slice.read(with.records); done.has_error())
    return done.error();
  if (!slice.is_as_told())
    return unverified();
  return out;
}

result<ended_chains> read_ended_chains(const services& with,
                                       const identity_ptr& identity,
                                       const list_ended_chains& what) {
  auto context = own_context(with, identity);
  std::shared_ptr<const ended_context> ended;
  auto until = std::numeric_limits<std::uint64_t>::max();
  if (what.of) {
    auto found = context_of_ended(with, identity, *what.of);
    if (found.has_error())
      return found.error();
    ended = std::move(*found);
    context = ended->context;
    until = what.of->length;
    if (context.audit == nullptr || until == 0)
      return ended_chains{};
  }
  // Of one that is told to have ended twice the last counts.
  std::map<scope_tag, std::pair<std::uint64_t, ended_chain>> latest;
  auto done = visit_ends(
    context, with.records, until,
    [&](const auth::audit_entry& entry, std::uint64_t index) {
      if (!entry.anchor || !entry.ended || *entry.ended == scope_tag{})
        return;
      auto& known = latest[*entry.ended];
      if (index < known.first)
        return;
      std::optional<scope_tag> former;
      if (!identity)
        former
          = what.of ? what.of->former : entry.wanted.value_or(*entry.ended);
      known
        = {index,
           {*entry.ended, entry.anchor->length, entry.anchor->head, former}};
    });
  if (done.has_error())
    return done.error();
  ended_chains out;
  for (auto& [tag, known] : latest)
    out.list.push_back(std::move(known.second));
  return out;
}

} // namespace cloister::engine
