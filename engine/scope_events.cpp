// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// What happened here, and where a memory may be, by its id.

#include "engine/event_reader.hpp"
#include "engine/flush_then.hpp"
#include "engine/scope_engine.hpp"
#include "persistence/locator.hpp"

namespace cloister::engine {

step scope_engine::events(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<read_events>(asked->what);
  // Who follows is told by the trail once, and not with each event.
  if (!what.goes_on)
    if (auto noted = ledger_.note(entry_of(*asked)); noted.has_error())
      return noted.error();
  // What an ephemeral session did is not in its chain before that is asked for.
  if (own_records_) {
    auto flush = flush_audit();
    // Others may have looked while it was on its way.
    if (std::holds_alternative<commit>(flush.what))
      flush = after_commit(std::move(flush),
                           [signals = with_.signals, name = identity_->name](
                             const result<void>& outcome, step settled) {
                             if (outcome)
                               signals->changed(name);
                             return settled;
                           });
    return flush_then(
      std::move(flush),
      [what, with = with_, identity = identity_]() -> result<answer> {
        auto found = read_events_of(with, *identity, what);
        if (found.has_error())
          return found.error();
        return answer{std::move(*found)};
      });
  }
  auto page = std::make_shared<result<event_page>>(
    error{errc::unavailable, "the events could not be read"});
  auto work = [page, what, with = with_, identity = identity_] {
    *page = read_events_of(with, *identity, what);
  };
  return offload{work,
                 [page]() -> step {
                   if (page->has_error())
                     return page->error();
                   return answer{std::move(**page)};
                 },
                 true};
}

/// An id carries the beginning of its scope's tag. What lies elsewhere is not
/// named, and neither is how many there are.
step scope_engine::holders(const std::shared_ptr<request>& asked) {
  const auto& what = std::get<find_holders>(asked->what);
  auto found = std::make_shared<result<scope_names>>(scope_names{});
  auto work = [found, what, with = with_, identity = identity_] {
    auto locator = persistence::locator_of(identity->organization->id, what.id);
    if (locator == persistence::locator_of(identity->tag)
        && what.within == identity->name)
      (*found)->names.push_back(identity->name);
    auto paths = with.catalog.locate(*identity, locator);
    if (paths.has_error()) {
      *found = paths.error();
      return;
    }
    for (const auto& path : *paths) {
      auto at = with.catalog.follow(identity->tag, path);
      if (at && what.within.contains((*at)->name))
        (*found)->names.push_back((*at)->name);
    }
  };
  return offload{work, [this, asked, found]() -> step {
                   if (found->has_error())
                     return refuse(*asked, found->error());
                   auto entry = entry_of(*asked);
                   entry.targets = {std::get<find_holders>(asked->what).id};
                   entry.count
                     = static_cast<std::uint32_t>((*found)->names.size());
                   return answered(std::move(entry), std::move(**found));
                 }};
}

} // namespace cloister::engine
