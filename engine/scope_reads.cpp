// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "crypto/aead.hpp"
#include "engine/filter_scan.hpp"
#include "engine/scope_engine.hpp"
#include "engine/stored_records.hpp"
#include "persistence/record_codec.hpp"

namespace cloister::engine {

memory scope_engine::decoded(std::uint32_t row) const {
  return decoded(memories_.at(row).record);
}

memory scope_engine::decoded(bytes_view record) {
  auto value = persistence::decode_memory(record);
  // It was decoded once before it was put here.
  CLOISTER_ASSERT(value.has_value());
  return std::move(*value);
}

const bytes* scope_engine::record_for(const request& asked,
                                      std::uint32_t row) const {
  const auto& at = memories_.at(row);
  if (!at.record.empty())
    return &at.record;
  auto found = asked.fetched.find(at.sequence);
  auto is_newest
    = found != asked.fetched.end() && found->second.revision == at.revision;
  return is_newest ? &found->second.record : nullptr;
}

/// A step that reads what an answer needs and runs the operation again; nothing
/// where all is at hand. Leaves away the last rows where they would make the
/// answer too large. What is read is kept by the request alone: it may be more
/// than a scope may keep.
std::optional<step>
scope_engine::fetch_for_answer(const std::shared_ptr<request>& asked,
                               std::vector<std::uint32_t>& rows) {
  constexpr std::size_t fetched_at_once_max = 128;
  constexpr std::size_t number_text_bytes = 16;
  std::size_t dimensions = memories_.dimensions().value_or(0);
  std::vector<std::uint64_t> missing;
  std::size_t bytes_at_hand = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (auto record = record_for(*asked, rows[i])) {
      bytes_at_hand += record->size();
      // An embedding takes more as text than as it is kept.
      if (record->size() > dimensions * sizeof(float))
        bytes_at_hand += dimensions * (number_text_bytes - sizeof(float));
      if (bytes_at_hand <= limits::answer_bytes_max)
        continue;
      if (missing.empty())
        rows.resize(i);
      break;
    }
    missing.push_back(memories_.at(rows[i]).sequence);
    if (missing.size() == fetched_at_once_max)
      break;
  }
  if (missing.empty())
    return std::nullopt;
  return fetch(
    asked, std::move(missing),
    [this, asked](std::uint32_t row, std::uint32_t revision, bytes record) {
      asked->fetched[memories_.at(row).sequence]
        = {revision, std::move(record)};
    });
}

step scope_engine::get(const std::shared_ptr<request>& asked,
                       const memory_id& id) {
  auto row = memories_.find(id);
  if (!row || !is_live(memories_.at(*row)))
    return refuse(*asked, no_such_memory(), {id});
  if (auto fetch = fetch_missing(asked, {*row}))
    return std::move(*fetch);
  auto entry = entry_of(*asked);
  entry.targets = {id};
  entry.count = 1;
  auto value = decoded(*row);
  if (!std::holds_alternative<share_memory>(asked->what))
    return answered(std::move(entry), std::move(value));
  auto origin = origin_of(value);
  if (origin.has_error())
    return refuse(*asked, origin.error(), {id});
  return answered(std::move(entry),
                  shared_memory{std::move(value), std::move(*origin)});
}

/// What a copy of a memory will say of where it came from.
result<memory_origin> scope_engine::origin_of(const memory& value) const {
  memory_origin out{identity_->pseudonym, value.id, value.revision};
  if (value.origin)
    out.path = value.origin->path;
  for (auto at = identity_; at; at = at->parent) {
    auto is_known
      = std::any_of(out.path.begin(), out.path.end(),
                    [&](const auto& passed) { return passed.tag == at->tag; });
    if (!is_known)
      out.path.push_back({at->tag, at->name.kind() == scope_kind::session});
  }
  if (out.path.size() > limits::origin_scopes_max)
    return error{errc::invalid_argument,
                 "this memory was passed on through as many scopes as one may "
                 "be; share it from where it came from"};
  return out;
}

/// Whether a filter admits a memory; nothing where that cannot be told from
/// what is at hand.
std::optional<bool>
scope_engine::admits(const std::optional<memory_filter>& filter,
                     const request& asked, std::uint32_t row) const {
  if (!filter)
    return true;
  const auto& at = memories_.at(row);
  if (!at.record.empty())
    return filter->matches(decoded(row));
  return asked.verdicts ? asked.verdicts->of(at.sequence, at.revision)
                        : std::nullopt;
}

/// A step that reads all memories, for what they are to a filter, and runs the
/// operation again.
step scope_engine::scan_for_filter(const std::shared_ptr<request>& asked,
                                   const memory_filter& filter) {
  constexpr int scans_max = 3;
  if (++asked->scans > scans_max)
    return refuse(*asked, {errc::overloaded,
                           "the scope changes faster than it can be filtered; "
                           "try again",
                           limits::overload_retry_hint});
  auto admits = [filter](const memory& value) { return filter.matches(value); };
  return scan_on(asked, std::make_shared<filter_scan>(identity_, admits));
}

/// A slice at a time: others wait for the same loader.
step scope_engine::scan_on(const std::shared_ptr<request>& asked,
                           const std::shared_ptr<filter_scan>& scan) {
  auto done = std::make_shared<result<bool>>(false);
  auto work = [done, scan, records = source(), time = with_.time,
               deadline = asked->deadline] {
    auto until = time->steady() + limits::loader_slice;
    if (deadline.count() != 0)
      until = std::min(until, deadline);
    *done = scan->read_on(*records, [&] { return time->steady() > until; });
  };
  auto then = [this, asked, scan, done]() -> step {
    if (done->has_error())
      return refuse(*asked, done->error());
    if (is_late(*asked))
      return refuse(*asked,
                    {errc::timeout, "the filter took too long; ask with "
                                    "a simpler one"});
    if (!**done)
      return scan_on(asked, scan);
    asked->verdicts = std::make_shared<const filter_verdicts>(scan->take());
    return run(asked);
  };
  return offload{std::move(work), std::move(then), true};
}

/// The memories of a page as they are found, by sequence.
struct scope_engine::page_run {
  struct found_memory {
    std::uint64_t sequence = 0;
    std::uint32_t revision = 0;
  };
  std::vector<found_memory> found;
  /// Where to go on.
  std::optional<std::uint64_t> after;
  bool more = false;
  bool unknown = false;
};

step scope_engine::list(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<list_memories>(asked->what);
  if (what.filter && !asked->verdicts && !memories_.is_all_cached())
    return scan_for_filter(asked, *what.filter);
  auto run = std::make_shared<page_run>();
  run->after = what.after;
  return list_on(asked, run);
}

step scope_engine::list_on(const std::shared_ptr<request>& asked,
                           const std::shared_ptr<page_run>& run) {
  const auto& what = std::get<list_memories>(asked->what);
  auto wanted = what.type ? type_hash(*what.type) : 0;
  auto started = with_.time->steady();
  bool yielded = false;
  auto look_at = [&](std::uint32_t at) {
    const auto& row = memories_.at(at);
    if (what.filter && with_.time->steady() - started > limits::engine_budget) {
      yielded = true;
      return false;
    }
    run->after = row.sequence;
    if (!is_live(row) || (what.type && row.type_hash != wanted))
      return true;
    auto admitted = admits(what.filter, *asked, at);
    run->unknown = run->unknown || !admitted;
    if (!admitted.value_or(false))
      return !run->unknown;
    run->more = run->found.size() == what.limit;
    if (!run->more)
      run->found.push_back({row.sequence, row.revision});
    return !run->more;
  };
  if (what.oldest_first)
    memories_.oldest_first(run->after, look_at);
  else
    memories_.newest_first(run->after, look_at);
  if (run->unknown)
    return scan_for_filter(asked, *what.filter);
  if (yielded) {
    if (is_late(*asked))
      return refuse(*asked, {errc::timeout, "the list took too long; ask with "
                                            "a simpler filter"});
    return again{[this, asked, run] { return list_on(asked, run); }};
  }
  return page_of(asked, *run);
}

step scope_engine::page_of(const std::shared_ptr<request>& asked,
                           const page_run& run) {
  const auto& what = std::get<list_memories>(asked->what);
  std::vector<std::uint32_t> rows;
  std::vector<std::uint32_t> changed;
  for (const auto& each : run.found) {
    // While it yielded, some may have gone, and some be others.
    auto row = memories_.find_sequence(each.sequence);
    if (!row || !is_live(memories_.at(*row)))
      continue;
    rows.push_back(*row);
    if (memories_.at(*row).revision != each.revision)
      changed.push_back(*row);
  }
  auto all = rows.size();
  if (auto fetch = fetch_for_answer(asked, rows))
    return std::move(*fetch);
  memory_page page;
  if (rows.size() < all)
    page.next = memories_.at(rows.back()).sequence;
  else if (run.more)
    page.next = run.found.back().sequence;
  auto entry = entry_of(*asked);
  for (auto row : rows) {
    auto value = decoded(*record_for(*asked, row));
    if (what.type && value.type != *what.type)
      continue;
    auto is_changed
      = std::find(changed.begin(), changed.end(), row) != changed.end();
    if (is_changed && what.filter && !what.filter->matches(value))
      continue;
    entry.targets.push_back(value.id);
    page.memories.push_back(std::move(value));
  }
  entry.count = static_cast<std::uint32_t>(page.memories.size());
  return answered(std::move(entry), std::move(page));
}

step scope_engine::statistics(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<gather_statistics>(asked->what);
  auto wanted = search::parse_query(what.query, memories_.index().in());
  // The search that follows is audited; this is its first half.
  return answer{search::statistics_of(memories_.index(), wanted)};
}

step scope_engine::search(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<search_memories>(asked->what);
  if (!what.embedding.empty() && !asked->near)
    return compare(asked);
  if (what.query.empty())
    return search_done(asked, {});
  if (what.filter && !asked->verdicts && !memories_.is_all_cached())
    return scan_for_filter(asked, *what.filter);
  auto wanted = search::parse_query(what.query, memories_.index().in());
  if (what.statistics && what.statistics->in != memories_.index().in())
    return refuse(*asked, {errc::unavailable,
                           "the organization's language was changed meanwhile; "
                           "try again",
                           limits::overload_retry_hint});
  auto statistics = what.statistics
                      ? *what.statistics
                      : search::statistics_of(memories_.index(), wanted);
  auto run
    = std::make_shared<search::ranked_search>(wanted, statistics, what.limit);
  return search_on(asked, run);
}

step scope_engine::search_on(
  const std::shared_ptr<request>& asked,
  const std::shared_ptr<search::ranked_search>& run) {
  auto started = with_.time->steady();
  if (is_late(*asked))
    return refuse(*asked, {errc::timeout, "the search took too long; ask with "
                                          "fewer words"});
  // Its words were stemmed for an index that is no more.
  if (run->in() != memories_.index().in())
    return search(asked);
  const auto& what = std::get<search_memories>(asked->what);
  auto wanted = what.type ? type_hash(*what.type) : 0;
  bool unknown = false;
  search::search_view view;
  view.order = [&](search::document doc) { return memories_.at(doc).sequence; };
  view.judge = [&](search::document doc) {
    const auto& row = memories_.at(doc);
    if (row.sequence == 0 || !is_live(row)
        || (what.type && row.type_hash != wanted))
      return false;
    auto admitted = admits(what.filter, *asked, doc);
    unknown = unknown || !admitted;
    return admitted.value_or(false);
  };
  view.is_judge_slow = what.filter.has_value();
  if (memories_.has_conversations())
    view.neighbours
      = [&](search::document doc, std::vector<search::neighbour>& out) {
          memories_.neighbours(
            doc, search::ranked_search::context_percent.size(), out);
          std::erase_if(out, [&](const search::neighbour& near) {
            return near.doc >= memories_.index().rows()
                   || !is_live(memories_.at(near.doc));
          });
        };
  // One that has to begin again and again, because memories go meanwhile, is
  // let run for longer, up to its deadline.
  view.must_yield = [&](int restarts) {
    constexpr int doublings_max = 4;
    return with_.time->steady() - started
           > limits::engine_budget * (1 << std::min(restarts, doublings_max));
  };
  auto done = run->step(memories_.index(), view);
  if (unknown)
    return scan_for_filter(asked, *what.filter);
  if (!done)
    return again{[this, asked, run] { return search_on(asked, run); }};
  return search_done(asked, run->best());
}

namespace {

/// Both by turns, each row once.
std::vector<std::uint32_t> merged_rows(const std::vector<std::uint32_t>& best,
                                       const std::vector<std::uint32_t>& near) {
  if (near.empty())
    return best;
  std::vector<std::uint32_t> out;
  std::set<std::uint32_t> known;
  for (std::size_t i = 0; i < std::max(best.size(), near.size()); ++i) {
    if (i < best.size() && known.insert(best[i]).second)
      out.push_back(best[i]);
    if (i < near.size() && known.insert(near[i]).second)
      out.push_back(near[i]);
  }
  return out;
}

} // namespace

step scope_engine::search_done(
  const std::shared_ptr<request>& asked,
  const std::vector<search::scored_document>& best) {
  const auto& what = std::get<search_memories>(asked->what);
  std::vector<std::uint32_t> rows;
  rows.reserve(best.size());
  for (const auto& hit : best)
    rows.push_back(hit.doc);
  // The best of both come first: the last may be left away.
  auto near = near_rows(*asked);
  rows = merged_rows(rows, near);
  // Runs the search again with the records at hand; that is rare, and simpler
  // than holding on to rows that may change meanwhile.
  if (auto fetch = fetch_for_answer(asked, rows))
    return std::move(*fetch);
  std::set<std::uint32_t> kept{rows.begin(), rows.end()};
  memory_hits hits;
  auto entry = entry_of(*asked);
  for (const auto& hit : best) {
    if (static_cast<double>(hit.score) < what.min_score
        || !kept.contains(hit.doc))
      continue;
    auto value = decoded(*record_for(*asked, hit.doc));
    if (what.type && value.type != *what.type)
      continue;
    entry.targets.push_back(value.id);
    hits.hits.push_back({std::move(value), hit.score});
  }
  add_near(*asked, kept, hits, entry);
  entry.count = static_cast<std::uint32_t>(entry.targets.size());
  return answered(std::move(entry), std::move(hits));
}

/// What is read from the store may be ahead of what is committed here: a batch
/// in flight counts as a change.
bool scope_engine::is_unchanged_at(const memory_id& id,
                                   std::uint32_t revision) const {
  auto row = memories_.find(id);
  return row && memories_.at(*row).revision == revision
         && !tentative_.contains(id) && !clearing_;
}

step scope_engine::history(const std::shared_ptr<request>& asked) {
  auto id = std::get<memory_history>(asked->what).id;
  auto row = memories_.find(id);
  if (!row || !is_live(memories_.at(*row)))
    return refuse(*asked, no_such_memory(), {id});
  if (auto fetch = fetch_missing(asked, {*row}))
    return std::move(*fetch);
  auto page = std::make_shared<memory_page>();
  page->memories.push_back(decoded(*row));
  auto sequence = memories_.at(*row).sequence;
  std::vector<std::uint32_t> revisions;
  if (auto old = history_.find(sequence); old != history_.end())
    for (const auto& revision : old->second)
      revisions.insert(revisions.begin(), revision.revision);
  auto failure = std::make_shared<std::optional<error>>();
  auto work = [page, failure, revisions, sequence, identity = identity_,
               records = source()] {
    for (auto revision : revisions) {
      auto old = read_old_revision(*records, *identity, sequence, revision);
      if (old.has_error()) {
        *failure = old.error();
        return;
      }
      page->memories.push_back(std::move(*old));
    }
  };
  auto revision = memories_.at(*row).revision;
  return offload{work, [this, asked, page, failure, id, revision]() -> step {
                   // A change may have removed what was being read.
                   if (*failure && !is_unchanged_at(id, revision))
                     return wait{[this, asked] { return run(asked); }};
                   if (*failure)
                     return refuse(*asked, **failure, {id});
                   auto entry = entry_of(*asked);
                   entry.targets = {id};
                   entry.count
                     = static_cast<std::uint32_t>(page->memories.size());
                   return answered(std::move(entry), std::move(*page));
                 }};
}

} // namespace cloister::engine
