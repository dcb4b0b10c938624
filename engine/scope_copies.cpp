// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Copies of memories that came from other scopes: where they went is noted with
// them, and they are found again where their source is erased.

#include <algorithm>
#include <set>
#include <span>

#include "engine/after_commit.hpp"
#include "engine/filter_scan.hpp"
#include "engine/scope_engine.hpp"
#include "persistence/catalog_records.hpp"
#include "persistence/copy_notes.hpp"
#include "persistence/locator.hpp"

namespace cloister::engine {

using persistence::identity_ptr;
using persistence::scope_tag;

namespace {

/// Copies that one batch removes.
constexpr std::size_t removed_at_once = 32;

bool came_through(const memory& value, const scope_tag& source) {
  return value.origin
         && std::any_of(
           value.origin->path.begin(), value.origin->path.end(),
           [&](const auto& passed) { return passed.tag == source; });
}

/// The name of the scope with a tag; nothing where it is gone.
result<std::optional<scope>> name_of(const services& with,
                                     const persistence::scope_identity& root,
                                     const scope_tag& tag) {
  if (tag == root.tag)
    return std::optional{root.name};
  auto candidates = with.catalog.locate(root, persistence::locator_of(tag));
  if (candidates.has_error())
    return candidates.error();
  for (const auto& path : *candidates) {
    if (path.empty() || path.back() != tag)
      continue;
    auto found = with.catalog.follow(root.tag, path);
    if (found)
      return std::optional{(*found)->name};
    if (found.error().code != errc::erased
        && found.error().code != errc::not_found)
      return found.error();
  }
  return std::optional<scope>{};
}

/// Notes of a session are with the scope above it. Of what has no name it is
/// not known whether it was one.
std::vector<scope_tag> noted_under(const trace_copies& asked,
                                   const scope_tag& tag,
                                   const scope_tag& above) {
  if (!asked.source)
    return {tag, above};
  return {asked.source->kind() == scope_kind::session ? above : tag};
}

/// Open sessions keep what they have to themselves, or tell it to the scope
/// above.
void add_sessions(const session_table& sessions, const scope& organization,
                  const std::vector<scope>& noted, const scope_tag& source,
                  std::vector<scope>& out) {
  for (const auto& each : sessions.below(organization)) {
    if (each->ended() != session_end::none)
      continue;
    auto above = *each->name().parent();
    auto may_have
      = each->resumable()
          ? std::find(noted.begin(), noted.end(), above) != noted.end()
          : each->has_received(source);
    if (may_have)
      out.push_back(each->name());
  }
}

/// The tag of what is there by that name.
result<scope_tag> tag_of_source(const services& with, const identity_ptr& above,
                                const scope& source) {
  auto tag = with.catalog.current_tag_of(above, source.name());
  if (tag.has_error())
    return tag.error();
  // What is not there has none; what is damaged can be erased, too.
  auto entry = with.catalog.entry_of(above, *tag);
  if (entry.has_error() && entry.error().code != errc::corrupted)
    return entry.error();
  if (entry && !*entry)
    return error{errc::not_found, "there is no such scope"};
  return tag;
}

error unknown_sessions() {
  return {errc::unavailable,
          "which sessions are open is not known; try again, and run `cloister "
          "doctor --repair` if that does not help",
          limits::overload_retry_hint};
}

result<copy_trace> read_trace(const services& with, const identity_ptr& root,
                              const trace_copies& asked) {
  auto above = with.catalog.find(asked.above);
  if (above.has_error())
    return above.error();
  if (!above->exact)
    return error{errc::not_found, "nothing was ever written to this scope"};
  copy_trace out{asked.tag};
  if (asked.source) {
    auto tag = tag_of_source(with, above->exact, *asked.source);
    if (tag.has_error())
      return tag.error();
    out.source = *tag;
  }
  auto has_begun = asked.tag != scope_tag{};
  std::set<scope_tag> noted;
  for (const auto& under : noted_under(asked, out.source, above->exact->tag)) {
    auto found = persistence::copy_targets(*root, under, with.records);
    if (found.has_error())
      return found.error();
    noted.insert(found->begin(), found->end());
  }
  out.is_whole = with.sessions->is_complete();
  auto is_known = out.is_whole || (has_begun && with.sessions->is_settled());
  if (!noted.empty() && !is_known)
    return unknown_sessions();
  if (auto removed
      = persistence::removed_copies(*root, out.source, with.records))
    out.removed = *removed;
  for (const auto& each : noted) {
    auto name = name_of(with, *root, each);
    if (name.has_error() && has_begun && name.error().code == errc::corrupted)
      out.is_whole = false;
    else if (name.has_error())
      return name.error();
    else if (*name)
      out.targets.push_back(**name);
  }
  auto scopes = out.targets;
  add_sessions(*with.sessions, root->name, scopes, out.source, out.targets);
  std::erase_if(out.targets, [&](const auto& each) {
    return asked.source && asked.source->contains(each);
  });
  return out;
}

} // namespace

/// Notes with a copy where it is, for each scope that it came through. What is
/// in memory only is noted there.
void scope_engine::note_copy(change& to, const memory_origin& origin) {
  if (own_session_)
    own_session_->note_received(origin.path);
  else
    persistence::note_copies(*identity_, origin.path, *to.batch);
}

step scope_engine::trace(const std::shared_ptr<request>& asked) {
  auto found = std::make_shared<result<copy_trace>>(
    error{errc::unavailable, "the copies could not be looked for"});
  auto work = [found, asked, root = identity_, with = with_] {
    *found = read_trace(with, root, std::get<trace_copies>(asked->what));
  };
  return offload{work, [found]() -> step {
                   if (found->has_error())
                     return found->error();
                   return answer{std::move(**found)};
                 }};
}

step scope_engine::copies(const std::shared_ptr<request>& asked) {
  auto& what = std::get<find_copies>(asked->what);
  if (!asked->verdicts) {
    auto admits = [source = what.source](const memory& value) {
      return came_through(value, source);
    };
    return scan_on(asked, std::make_shared<filter_scan>(identity_, admits));
  }
  if (!what.left)
    what.left = asked->verdicts->admitted();
  if (what.wanted == find_copies::wish::erase && !what.left->empty())
    return erase_copies(asked);
  auto found = what.wanted == find_copies::wish::erase ? what.removed
                                                       : what.left->size();
  auto entry = entry_of(*asked);
  entry.count = static_cast<std::uint32_t>(found);
  return answered(std::move(entry), found_copies{found});
}

bool scope_engine::is_being_changed(
  std::span<const std::uint64_t> sequences) const {
  return std::any_of(sequences.begin(), sequences.end(),
                     [this](std::uint64_t each) {
                       auto row = memories_.find_sequence(each);
                       return row && tentative_.contains(memories_.at(*row).id);
                     });
}

/// Some at a time, each batch with an entry of its own. A memory never loses
/// where it came from: what was changed since it was read goes, too.
step scope_engine::erase_copies(const std::shared_ptr<request>& asked) {
  auto& what = std::get<find_copies>(asked->what);
  auto& left = *what.left;
  auto at_once = std::min(left.size(), removed_at_once);
  // Others may be removing them, and fail.
  if (clearing_ || is_being_changed(std::span{left}.last(at_once)))
    return wait{[this, asked] { return run(asked); }};
  std::vector<memory_id> some;
  std::vector<std::uint32_t> needed;
  for (auto at = left.end() - static_cast<std::ptrdiff_t>(at_once);
       at != left.end(); ++at)
    if (auto row = memories_.find_sequence(*at)) {
      some.push_back(memories_.at(*row).id);
      for (auto each : rows_to_cache(some.back()))
        needed.push_back(each);
    }
  if (auto fetch = fetch_missing(asked, needed))
    return std::move(*fetch);
  auto last = left.back();
  left.resize(left.size() - at_once);
  change made;
  made.batch->set_effect(persistence::batch_effect::shrinks);
  made.entry = entry_of(*asked);
  made.entry.reason = "copies of what is erased";
  for (const auto& id : some)
    if (auto old = current(id)) {
      drop(made, id, *old);
      ++made.entry.count;
    }
  if (made.entry.count > 0 && !own_session_)
    persistence::note_removal(*identity_, what.source, last, made.entry.count,
                              *made.batch);
  if (made.entry.count == 0)
    return again{[this, asked] { return run(asked); }};
  what.removed += made.entry.count;
  auto sent = submit(std::move(made), found_copies{what.removed});
  auto go_on = [this, asked]() -> step {
    return again{[this, asked] { return run(asked); }};
  };
  // An ephemeral session has nothing to wait for.
  if (auto done = std::get_if<result<answer>>(&sent.what)) {
    if (done->has_error())
      return sent;
    if (auto later = std::exchange(sent.afterwards, nullptr))
      later();
    return go_on();
  }
  return after_commit(
    std::move(sent), [go_on](const result<void>& outcome, step) -> step {
      return outcome.has_error() ? step{outcome.error()} : go_on();
    });
}

} // namespace cloister::engine
