// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Searches by embeddings: all of a scope's are compared, as the store has them.

#include <algorithm>

#include "core/limits.hpp"
#include "engine/filter_scan.hpp"
#include "engine/nearest.hpp"
#include "engine/scope_engine.hpp"

namespace cloister::engine {

/// Some that were found may go meanwhile.
constexpr std::size_t spare_matches = 16;

step scope_engine::compare(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<search_memories>(asked->what);
  auto found
    = std::make_shared<nearest>(what.embedding, what.limit + spare_matches);
  auto look_at = [found, type = what.type, filter = what.filter,
                  now = with_.time->now()](const memory& value) {
    auto is_live = !value.expires_at || *value.expires_at > now;
    if (is_live && (!type || value.type == *type)
        && (!filter || filter->matches(value)))
      found->look_at(value);
    return false;
  };
  return compare_on(asked, found,
                    std::make_shared<filter_scan>(identity_, look_at));
}

/// A slice at a time, like `scan_on`.
step scope_engine::compare_on(const std::shared_ptr<request>& asked,
                              const std::shared_ptr<nearest>& found,
                              const std::shared_ptr<filter_scan>& scan) {
  auto done = std::make_shared<result<bool>>(false);
  auto work = [done, scan, records = source(), time = with_.time,
               deadline = asked->deadline] {
    auto until = time->steady() + limits::loader_slice;
    if (deadline.count() != 0)
      until = std::min(until, deadline);
    *done = scan->read_on(*records, [&] { return time->steady() > until; });
  };
  auto then = [this, asked, found, scan, done]() -> step {
    if (done->has_error())
      return refuse(*asked, done->error());
    if (is_late(*asked))
      return refuse(*asked, {errc::timeout, "the search took too long; give it "
                                            "more time, or a filter"});
    if (!**done)
      return compare_on(asked, found, scan);
    if (auto other = found->other_dimensions())
      return refuse(*asked, {errc::invalid_argument,
                             "the embeddings of this scope have "
                               + std::to_string(*other)
                               + " dimensions; search by one of as many"});
    asked->near
      = std::make_shared<const std::vector<vector_match>>(found->take());
    return run(asked);
  };
  return offload{std::move(work), std::move(then), true};
}

/// The rows of what is still there, nearest first.
std::vector<std::uint32_t> scope_engine::near_rows(const request& asked) const {
  std::vector<std::uint32_t> out;
  if (!asked.near)
    return out;
  auto limit = std::get<search_memories>(asked.what).limit;
  for (const auto& match : *asked.near) {
    auto row = memories_.find(match.id);
    if (row && is_live(memories_.at(*row)) && out.size() < limit)
      out.push_back(*row);
  }
  return out;
}

/// Adds what is near to an answer, as far as its records are at hand: the last
/// ones were left away where they would make it too large.
void scope_engine::add_near(const request& asked,
                            const std::set<std::uint32_t>& rows,
                            memory_hits& hits, auth::audit_entry& entry) const {
  const auto& what = std::get<search_memories>(asked.what);
  if (!asked.near)
    return;
  search::cosine wanted{what.embedding};
  for (auto row : near_rows(asked)) {
    auto record = rows.contains(row) ? record_for(asked, row) : nullptr;
    if (record == nullptr)
      continue;
    auto value = decoded(*record);
    // It may be another revision than the one that was compared.
    if ((what.type && value.type != *what.type)
        || (what.filter && !what.filter->matches(value))
        || value.embedding.size() != wanted.dimensions())
      continue;
    if (std::find(entry.targets.begin(), entry.targets.end(), value.id)
        == entry.targets.end())
      entry.targets.push_back(value.id);
    auto score = wanted.to(value.embedding);
    hits.near.push_back({std::move(value), score});
  }
}

} // namespace cloister::engine
