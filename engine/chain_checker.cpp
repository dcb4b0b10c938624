// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/chain_checker.hpp"

#include <deque>

#include "core/encoding.hpp"
#include "engine/chain_start.hpp"
#include "persistence/session_record.hpp"

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::record_kind;
using persistence::scope_tag;

namespace {

std::string erased_name(const scope_tag& tag) {
  return "(erased " + to_hex(view_of(tag)) + ')';
}

crypto::digest beginning_of(const scope_tag& tag) {
  return auth::first_head(view_of(tag));
}

} // namespace

chain_checker::chain_checker(const services& with,
                             const std::vector<chain_head>& expected)
  : with_(with) {
  for (const auto& each : expected)
    expected_[each.tag] = &each;
}

result<audit_report> chain_checker::run(const identity_ptr& identity) {
  auto done = check_tree(identity, nullptr);
  if (done)
    done = check_all_ended();
  if (done)
    done = look_for_missing();
  if (done.has_error())
    return done.error();
  // Whoever can write to the store can leave a whole chain away, or its end.
  for (const auto& [tag, end] : expected_)
    note_break("chain " + to_hex(view_of(tag)) + '#'
                 + std::to_string(end->length),
               "it was another when the checkpoint was made, or longer");
  return report_;
}

void chain_checker::note_break(std::string where, std::string reason) {
  if (report_.intact) {
    report_.first_broken = std::move(where);
    report_.reason = std::move(reason);
  }
  report_.intact = false;
}

void chain_checker::compare_expected(const chain& of) {
  auto wanted = expected_.find(of.context.tag);
  if (wanted != expected_.end()
      && of.verifier.length() == wanted->second->length
      && of.verifier.head() == wanted->second->head)
    expected_.erase(wanted);
}

/// What is from before the stub was compared when it went, by who signed that.
void chain_checker::begin_at(chain& of,
                             const std::optional<auth::audit_stub>& stub) {
  of.is_begun = false;
  of.verifier = verifier_from(of.context, stub);
  auto wanted = expected_.find(of.context.tag);
  if (!stub || wanted == expected_.end()
      || wanted->second->length >= stub->from)
    return;
  expected_.erase(wanted);
  ++report_.passed_over;
}

/// Where what stands for pruned entries is wrong, `reason` says so.
result<std::optional<auth::audit_stub>>
chain_checker::stub_of(const chain& of, std::string& reason) const {
  auto stub = read_stub(with_, of.context);
  if (stub.has_error() && stub.error().code == errc::unavailable)
    return stub.error();
  if (stub)
    return stub;
  reason = stub.error().detail;
  return std::optional<auth::audit_stub>{};
}

/// Remembers where a chain below ended.
void chain_checker::note_end(const auth::audit_entry& entry, const chain& of,
                             std::size_t number, std::uint64_t index) {
  // Nothing was left of it, not even its tag.
  if (*entry.ended == scope_tag{}) {
    known_.insert(entry.anchor->head);
    return;
  }
  auto former = entry.wanted.value_or(*entry.ended);
  if (of.identity)
    former = {};
  else if (of.former != scope_tag{})
    former = of.former;
  known_.insert(beginning_of(*entry.ended));
  // A later one counts: an erasure that was interrupted tells it again. What
  // was taken over from pruned entries is told behind what is later.
  auto known = ended_.find(*entry.ended);
  if (known != ended_.end() && known->second.teller == number
      && known->second.index > index)
    return;
  ended_[*entry.ended] = {*entry.anchor, of.identity, former, number, index};
}

/// Remembers what an entry says of a chain below.
void chain_checker::note_told(const auth::audit_entry& entry, chain& of,
                              std::size_t number, std::uint64_t index) {
  if (!entry.anchor)
    return;
  if (entry.ended) {
    note_end(entry, of, number, index);
    return;
  }
  of.anchors[entry.anchor->child] = *entry.anchor;
  if (entry.anchor->length == 0)
    told_[entry.anchor->head] = {entry.anchor->child, number};
}

/// False where the chain breaks, for a reason, or has come to its end.
bool chain_checker::check_link(chain& of, std::size_t number, bytes_view key,
                               bytes_view value, std::string& reason) {
  auto index = byte_reader{persistence::rest_of(key)}.u64();
  // What lies behind the end is nobody's: it may be what was damaged.
  if (index >= of.until)
    return false;
  auto link = auth::decode_link(index, value);
  if (link.has_error() || !of.verifier.follow(*link)) {
    reason = "an entry is missing, altered or out of order";
    return false;
  }
  if (!of.opens || !auth::may_tell_of_chains(link->sealed.size()))
    return true;
  auto entry = open_entry(of.context, link->sealed);
  auto told = entry ? auth::visit_told(
                *entry, index,
                [&](const auth::audit_entry& each, std::uint64_t at) {
                  note_told(each, of, number, at);
                })
                    : result<void>{entry.error()};
  if (told.has_error())
    reason = "an entry does not open";
  return told.has_value();
}

result<void> chain_checker::follow(chain& of, std::size_t number,
                                   const std::function<void()>& met,
                                   std::string& reason) {
  bytes from;
  // From the very beginning: what was pruned must not be there any more.
  if (of.is_begun)
    byte_writer{from}.u64(of.verifier.length());
  of.is_begun = true;
  auto done
    = with_.records.scan(of.context.space.range(record_kind::audit_entry), from,
                         [&](bytes_view key, bytes_view value) {
                           if (!check_link(of, number, key, value, reason))
                             return false;
                           met();
                           return of.verifier.length() < of.until;
                         });
  if (done.has_error() && done.error().code != errc::corrupted)
    return done;
  if (done.has_error())
    reason = "an entry cannot be read";
  return {};
}

result<std::vector<identity_ptr>>
chain_checker::children_of(const identity_ptr& parent,
                           const std::string& name) {
  std::vector<identity_ptr> children;
  result<void> failure;
  auto done = with_.catalog.children(parent, [&](auto child) {
    if (child)
      children.push_back(*child);
    else if (child.error().code == errc::unavailable)
      failure = child.error();
    else if (child.error().code != errc::erased)
      note_break(name + "/(unreadable)", child.error().detail);
    return failure.has_value();
  });
  if (done.has_error())
    return done.error();
  if (failure.has_error())
    return failure.error();
  return children;
}

/// Children are listed before their parent's chain is read, so that one that is
/// made meanwhile is not missed there.
result<void> chain_checker::check_tree(const identity_ptr& identity,
                                       const auth::audit_anchor* anchor) {
  auto name = identity ? std::string{identity->name.path()} : "node";
  auto children = children_of(identity, name);
  if (children.has_error())
    return children.error();
  auto own = check_own(identity, anchor);
  if (own.has_error())
    return own.error();
  for (const auto& child : *children)
    if (auto done = check_child(identity, child, *own); done.has_error())
      return done;
  // What was erased meanwhile was ended by entries that came meanwhile.
  std::string reason;
  auto& at_end = chains_[*own];
  if (!at_end.verifier.intact())
    return {};
  live_[at_end.context.tag] = *own;
  auto nothing_more = [] {};
  return follow(at_end, *own, nothing_more, reason);
}

result<void> chain_checker::check_child(const identity_ptr& parent,
                                        const identity_ptr& child,
                                        std::size_t teller) {
  auto before = report_;
  auto verified_before = verified_in_order_.size();
  auto name = std::string{child->name.path()};
  auto found = chains_[teller].anchors.find(child->pseudonym);
  std::optional<auth::audit_anchor> anchor;
  if (found != chains_[teller].anchors.end())
    anchor = found->second;
  else
    note_break(name + "#0", "the parent's chain does not anchor this one");
  auto done = check_tree(child, anchor ? &*anchor : nullptr);
  if (done.has_error() || report_.intact == before.intact)
    return done;
  auto entry = with_.catalog.entry_of(parent, child->tag);
  if (entry && !*entry) {
    // It was erased while it was read: its end is looked at instead.
    report_ = before;
    for (; verified_in_order_.size() > verified_before;
         verified_in_order_.pop_back()) {
      verified_.erase(verified_in_order_.back());
      gone_.insert(verified_in_order_.back());
    }
  }
  return {};
}

/// Follows a chain to its end; answers why that is not as it should be.
result<chain_checker::finding>
chain_checker::follow_own(chain& made, std::size_t number,
                          const auth::audit_anchor* anchor,
                          const std::optional<auth::audit_stub>& stub) {
  // The head first: entries are only ever added, so the scan comes past the
  // end that the head tells of, whatever is added meanwhile.
  auto head = read_head(made.context, with_.records);
  if (head.has_error() && head.error().code == errc::unavailable)
    return head.error();
  bool head_met = false;
  // The stub is of this chain, so where it began is known.
  bool anchor_met = anchor == nullptr
                    || (stub && anchor->length == 0
                        && anchor->head == beginning_of(made.context.tag));
  auto compare = [&] {
    compare_expected(made);
    if (anchor != nullptr && made.verifier.length() == anchor->length)
      anchor_met = made.verifier.head() == anchor->head;
    if (head && made.verifier.length() == head->audit_length)
      head_met = made.verifier.head() == head->audit_head;
  };
  begin_at(made, stub);
  compare();
  finding out;
  if (auto done = follow(made, number, compare, out.reason); done.has_error())
    return done.error();
  out.index = made.verifier.length();
  if (out.reason.empty() && !head)
    out.reason = "the scope's head is missing or damaged";
  else if (out.reason.empty() && !head_met)
    out.reason = "the chain does not end as the scope's head says";
  if (out.reason.empty() && !anchor_met)
    out = {"the parent's chain does not anchor this one", 0};
  return out;
}

/// Verifies one chain against its own head and its parent's anchor.
result<std::size_t> chain_checker::check_own(const identity_ptr& identity,
                                             const auth::audit_anchor* anchor) {
  auto context
    = identity ? context_of(*identity) : context_of(with_.catalog.node());
  auto name = identity ? std::string{identity->name.path()} : "node";
  auto number = chains_.size();
  chain made{context, identity, name,
             {},      true,     auth::chain_verifier{view_of(context.tag)}};
  finding found;
  auto stub = stub_of(made, found.reason);
  while (stub && found.reason.empty()) {
    auto followed = follow_own(made, number, anchor, *stub);
    if (followed.has_error())
      return followed.error();
    if (followed->reason.empty())
      break;
    // What was pruned meanwhile could not be followed.
    auto now = stub_of(made, found.reason);
    if (now && found.reason.empty() && *now == *stub)
      found = std::move(*followed);
    stub = std::move(now);
  }
  if (stub.has_error())
    return stub.error();
  report_.pruned += stub->has_value() ? 1u : 0u;
  ++report_.chains;
  report_.entries += made.verifier.length() - (*stub ? (*stub)->from : 0);
  if (!found.reason.empty())
    note_break(name + '#' + std::to_string(found.index), found.reason);
  verified_.insert(context.tag);
  verified_in_order_.push_back(context.tag);
  known_.insert(beginning_of(context.tag));
  chains_.push_back(std::move(made));
  return number;
}

/// What the node keeps of an organization that was erased.
result<const persistence::former_organization*>
chain_checker::former_of(const scope_tag& tag) {
  if (auto known = former_.find(tag); known != former_.end())
    return &known->second;
  auto found
    = persistence::read_former(with_.catalog.node(), with_.records, tag);
  if (found.has_error() && found.error().code == errc::unavailable)
    return found.error();
  auto value
    = found && *found ? std::move(**found) : persistence::former_organization{};
  return &former_.emplace(tag, std::move(value)).first->second;
}

/// Follows a chain to where it ended; answers why it does not end so.
result<std::string> chain_checker::follow_ended(chain& made, std::size_t number,
                                                const known_end& known) {
  std::string reason;
  auto stub = stub_of(made, reason);
  if (stub.has_error())
    return stub.error();
  begin_at(made, *stub);
  report_.pruned += stub->has_value() ? 1u : 0u;
  auto began = made.verifier.length();
  bool met = false;
  auto compare = [&] {
    compare_expected(made);
    met = made.verifier.length() == known.anchor.length
          && made.verifier.head() == known.anchor.head;
  };
  compare();
  if (made.until > 0 && reason.empty())
    if (auto done = follow(made, number, compare, reason); done.has_error())
      return done.error();
  report_.entries += made.verifier.length() - began;
  if (reason.empty() && !met)
    reason = "the chain does not end as the one above says";
  return reason;
}

/// A chain that ended is verified up to there, and tells of more.
result<void> chain_checker::check_ended(const scope_tag& tag,
                                        const known_end& known) {
  persistence::partition_id partition
    = known.above ? known.above->partition : persistence::partition_id{0};
  auto audit = known.above ? &known.above->organization->audit : nullptr;
  if (!known.above) {
    auto former = former_of(known.former);
    if (former.has_error())
      return former.error();
    partition = (*former)->partition;
    audit = (*former)->audit ? &*(*former)->audit : nullptr;
  }
  ledger_context context{{partition, tag}, tag,     {},   {},
                         nullptr,          nullptr, audit};
  auto number = chains_.size();
  chain made{
    context,      known.above,         erased_name(tag),
    known.former, audit != nullptr,    auth::chain_verifier{view_of(tag)},
    false,        known.anchor.length, {}};
  auto reason = follow_ended(made, number, known);
  if (reason.has_error())
    return reason.error();
  ++report_.chains;
  if (!reason->empty())
    note_break(made.name + '#' + std::to_string(made.verifier.length()),
               *reason);
  verified_.insert(tag);
  chains_.push_back(std::move(made));
  return {};
}

result<void> chain_checker::check_all_ended() {
  for (bool more = true; more;) {
    more = false;
    // Those found on the way are added to the same map.
    auto known = ended_;
    for (const auto& [tag, end] : known) {
      if (verified_.contains(tag))
        continue;
      more = true;
      if (auto done = check_ended(tag, end); done.has_error())
        return done;
    }
  }
  for (const auto& tag : gone_)
    if (!verified_.contains(tag))
      note_break(erased_name(tag) + "#0",
                 "it is gone, and no chain above tells of its end");
  return {};
}

/// An ephemeral session that is open is in the node's list, and in no catalog.
result<bool> chain_checker::is_open_session(const auth::pseudonym& pseudonym) {
  if (open_sessions_.contains(pseudonym))
    return true;
  auto listed = persistence::list_sessions(with_.catalog.node(), with_.records);
  if (listed.has_error() && listed.error().code == errc::unavailable)
    return listed.error();
  if (listed)
    for (const auto& each : *listed)
      if (each.record)
        open_sessions_.insert(each.record->pseudonym);
  return open_sessions_.contains(pseudonym);
}

result<bool> chain_checker::exists(const chain& teller,
                                   const auth::pseudonym& pseudonym) {
  auto open = is_open_session(pseudonym);
  if (open.has_error() || *open)
    return open;
  if (teller.identity) {
    const auto& root = teller.identity->root();
    auto tags = with_.catalog.find_pseudonym(root, pseudonym);
    if (tags.has_error())
      return tags.error().code == errc::unavailable ? result<bool>{tags.error()}
                                                    : false;
    if (tags->empty())
      return true;
    auto tag = tags->back();
    tags->pop_back();
    // By the store: what is awake is known without it.
    auto parent = with_.catalog.follow(root.tag, *tags);
    auto entry
      = parent
          ? with_.catalog.entry_of(*parent, tag)
          : result<std::optional<persistence::child_entry>>{parent.error()};
    if (entry.has_error() && entry.error().code == errc::unavailable)
      return entry.error();
    return entry && *entry;
  }
  bool found = false;
  auto done = with_.catalog.children(nullptr, [&](auto child) {
    found = child && (*child)->pseudonym == pseudonym;
    return !found;
  });
  if (done.has_error() && done.error().code == errc::unavailable)
    return done.error();
  return found;
}

/// A chain is ended by the one of its parent, or of whatever above it was
/// erased.
result<void> chain_checker::follow_above(identity_ptr identity) {
  for (bool more = true; more; identity = identity->parent) {
    more = identity != nullptr;
    auto tag = more ? identity->tag : persistence::node_identity::tag_of_node();
    auto found = live_.find(tag);
    if (found == live_.end() || !chains_[found->second].verifier.intact())
      return {};
    std::string reason;
    auto nothing_more = [] {};
    auto done
      = follow(chains_[found->second], found->second, nothing_more, reason);
    if (done.has_error() || !more)
      return done;
  }
  return {};
}

/// Each chain that one above has told of was verified, or was made meanwhile,
/// or is known to have ended.
result<void> chain_checker::look_for_missing() {
  auto all_told = told_;
  for (const auto& [beginning, told] : all_told) {
    if (known_.contains(beginning))
      continue;
    auto& teller = chains_[told.teller];
    auto there = exists(teller, told.pseudonym);
    if (there.has_error())
      return there.error();
    if (*there)
      continue;
    if (auto done = follow_above(teller.identity); done.has_error())
      return done;
    if (!known_.contains(beginning))
      note_break(teller.name + "/(missing)#0",
                 "a chain below was begun, and is gone without an end");
  }
  return {};
}

} // namespace cloister::engine
