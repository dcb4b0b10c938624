// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/event_reader.hpp"

#include "auth/audit_chain.hpp"
#include "core/encoding.hpp"
#include "engine/chain_start.hpp"
#include "engine/ledger.hpp"

namespace cloister::engine {

using auth::audit_effect;
using persistence::record_kind;

namespace {

/// Entries that one page looks at: most may tell of reads.
constexpr std::size_t entries_at_once = 500;

/// Where a chain ends: behind its last entry, or behind what was pruned.
result<std::uint64_t> end_of(const services& with,
                             const ledger_context& context) {
  std::optional<std::uint64_t> last;
  auto done
    = with.records.scan_back(context.space.range(record_kind::audit_entry),
                             bytes(9, '\xff'), [&](bytes_view key, bytes_view) {
                               last
                                 = byte_reader{persistence::rest_of(key)}.u64();
                               return false;
                             });
  if (done.has_error())
    return done.error();
  if (last)
    return *last + 1;
  auto stub = read_stub(with, context);
  if (stub.has_error())
    return stub.error();
  return *stub ? (*stub)->from : 0;
}

event_kind kind_of(const auth::audit_entry& entry, const audit_effect& effect) {
  if (effect.which == audit_effect::kind::put)
    return effect.revision == 1 ? event_kind::created : event_kind::updated;
  // A create whose key's memory has expired removes that first.
  return entry.what == auth::operation::expire_memory
             || entry.what == auth::operation::create_memory
             || entry.what == auth::operation::receive_memory
           ? event_kind::expired
           : event_kind::deleted;
}

/// What one entry tells; nothing of most.
std::vector<memory_event> events_of(const auth::audit_entry& entry) {
  std::vector<memory_event> out;
  if (entry.outcome != errc::ok)
    return out;
  memory_event event;
  event.at = entry.at;
  if (entry.what == auth::operation::delete_all_memories) {
    event.kind = event_kind::deleted;
    event.count = entry.count;
    // Also where all of them had expired, and were not removed yet.
    out.push_back(std::move(event));
    return out;
  }
  if (entry.what == auth::operation::end_session
      && (entry.ended || entry.refused)) {
    event.kind = event_kind::session_ended;
    event.reason = entry.reason;
    if (auto tag = entry.ended ? entry.ended : entry.wanted)
      event.session = to_hex(view_of(*tag));
    out.push_back(std::move(event));
    return out;
  }
  // Each effect has its target; what was only answered again comes behind.
  if (entry.effects.size() > entry.targets.size())
    return out;
  for (std::size_t i = 0; i < entry.effects.size(); ++i) {
    event.kind = kind_of(entry, entry.effects[i]);
    event.id = entry.targets[i];
    event.revision = entry.effects[i].revision;
    out.push_back(event);
  }
  return out;
}

/// Goes through a chain from a position on.
class chain_walk {
public:
  chain_walk(const services& with, const ledger_context& context,
             const read_events& wanted)
    : with_(with), context_(context), wanted_(wanted) {
    page_.next = *wanted.after;
  }

  result<event_page> run() {
    auto end = end_of(with_, context_);
    if (end.has_error())
      return end.error();
    if (page_.next > event_position{*end, 0})
      return reset(*end);
    bytes from;
    byte_writer{from}.u64(page_.next.entry);
    result<void> failure;
    auto done = with_.records.scan(
      context_.space.range(record_kind::audit_entry), from,
      [&](bytes_view key, bytes_view value) {
        failure = look_at(byte_reader{persistence::rest_of(key)}.u64(), value);
        return failure.has_value() && !page_.more && !is_pruned_;
      });
    if (done.has_error())
      return done.error();
    if (failure.has_error())
      return failure.error();
    if (is_pruned_ || (looked_at_ == 0 && page_.next.entry < *end))
      return reset(*end);
    return std::move(page_);
  }

private:
  event_page reset(std::uint64_t end) const {
    event_page out;
    out.next = {end, 0};
    memory_event event;
    event.kind = event_kind::reset;
    event.at = with_.time->now();
    event.next = out.next;
    out.events.push_back(std::move(event));
    return out;
  }

  result<void> look_at(std::uint64_t index, bytes_view value) {
    if (index != page_.next.entry) {
      is_pruned_ = true;
      return {};
    }
    auto link = auth::decode_link(index, value);
    if (link.has_error())
      return link.error();
    auto entry = open_entry(context_, link->sealed);
    if (entry.has_error())
      return entry.error();
    ++looked_at_;
    take(index, events_of(*entry));
    page_.more = page_.more || looked_at_ == entries_at_once
                 || page_.events.size() >= wanted_.limit;
    return {};
  }

  void take(std::uint64_t index, std::vector<memory_event> found) {
    // No entry of this chain has so many.
    if (page_.next.within > found.size()) {
      is_pruned_ = true;
      return;
    }
    for (auto i = page_.next.within; i < found.size(); ++i) {
      if (page_.events.size() == wanted_.limit) {
        page_.next = {index, i};
        page_.more = true;
        return;
      }
      auto is_last = i + 1 == found.size();
      found[i].next
        = is_last ? event_position{index + 1, 0} : event_position{index, i + 1};
      page_.events.push_back(std::move(found[i]));
    }
    page_.next = {index + 1, 0};
  }

  const services& with_;
  const ledger_context& context_;
  const read_events& wanted_;
  event_page page_;
  std::size_t looked_at_ = 0;
  bool is_pruned_ = false;
};

} // namespace

result<event_page> read_events_of(const services& with,
                                  const persistence::scope_identity& identity,
                                  const read_events& wanted) {
  auto context = context_of(identity);
  if (wanted.after)
    return chain_walk{with, context, wanted}.run();
  auto end = end_of(with, context);
  if (end.has_error())
    return end.error();
  event_page out;
  out.next = {*end, 0};
  return out;
}

} // namespace cloister::engine
