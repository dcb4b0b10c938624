// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/pruner.hpp"

#include "core/encoding.hpp"
#include "core/limits.hpp"
#include "core/rfc3339.hpp"
#include "engine/chain_start.hpp"

namespace cloister::engine {

using persistence::record_kind;

/// One batch while it is put together.
struct pruner::run {
  prune_chain what;
  auth::audit_entry entry;
  enter when;
  result<prunable> found = error{errc::unavailable, "it could not be read"};
  std::shared_ptr<const ended_context> ended;
};

step pruner::prune(const prune_chain& what, auth::audit_entry entry,
                   enter when) {
  if (is_running_)
    return wait{[this, what, entry = std::move(entry), when = std::move(when)] {
      return prune(what, entry, when);
    }};
  is_running_ = true;
  auto of = std::make_shared<run>();
  of->what = what;
  of->entry = std::move(entry);
  of->when = std::move(when);
  auto work = [of, with = lent_.with, identity = lent_.identity] {
    of->found = read_prunable(with, identity, of->what);
    if (!of->what.ended || !of->found)
      return;
    auto context = context_of_ended(with, identity, *of->what.ended);
    if (context)
      of->ended = *context;
    else
      of->found = context.error();
  };
  return offload{work, [this, of] { return put(of); }, true};
}

step pruner::stop(const std::shared_ptr<run>& of, error why) {
  is_running_ = false;
  return lent_.refuse(std::move(of->entry), std::move(why));
}

step pruner::put(const std::shared_ptr<run>& of) {
  // What is in flight may put what an entry that goes has put before.
  if (!of->when())
    return wait{[this, of] { return put(of); }};
  if (of->found.has_error())
    return stop(of, of->found.error());
  if (of->found->to == of->found->from) {
    is_running_ = false;
    if (auto noted = lent_.book.note(std::move(of->entry)); noted.has_error())
      return noted.error();
    return answer{pruned_entries{}};
  }
  if (of->found->generation != lent_.generation())
    return stop(of, {errc::unavailable,
                     "the store was reopened meanwhile; try again",
                     limits::overload_retry_hint});
  return commit_of(of);
}

/// Those of records that are as they were put. Of what is gone only the
/// greatest sequence is kept: none is used twice.
void pruner::take_over_effects(run& of) const {
  auth::audit_entry all;
  all.what = of.entry.what;
  auth::audit_effect last{auth::audit_effect::kind::erase, 0, 0, {}};
  for (const auto& [effect, at] : of.found->effects) {
    auto now = current_tag_(effect.sequence);
    // What was put again since is told by a later entry.
    if (now && *now != effect.tag)
      continue;
    if (now && effect.which == auth::audit_effect::kind::put) {
      all.effects.push_back(effect);
      all.at = std::max(all.at, at);
    } else if (!now) {
      last.sequence = std::max(last.sequence, effect.sequence);
    }
  }
  if (last.sequence > 0)
    all.effects.insert(all.effects.begin(), last);
  if (!all.effects.empty())
    of.entry.carried.push_back(
      {of.found->to - 1, auth::encode_audit_entry(all)});
}

step pruner::commit_of(const std::shared_ptr<run>& of) {
  const auto& found = *of->found;
  auto context = of->ended ? of->ended->context : lent_.book.context();
  auto batch = std::make_shared<persistence::write_batch>();
  batch->set_effect(persistence::batch_effect::shrinks);
  for (auto index = found.from; index < found.to; ++index)
    batch->erase(context.space.key(record_kind::audit_entry, index));
  auto gone = found.to - found.from;
  auto before = found.stub ? found.stub->pruned : 0;
  put_stub(lent_.with, context,
           {{},
            found.to,
            found.head,
            before + gone,
            of->entry.at,
            of->what.before,
            {}},
           *batch);
  of->entry.count = static_cast<std::uint32_t>(gone);
  of->entry.reason = "entries before " + to_rfc3339(of->what.before);
  if (of->what.ended)
    of->entry.reason
      += " of the chain of an erased scope, " + to_hex(view_of(context.tag));
  of->entry.carried = found.facts;
  take_over_effects(*of);
  pruned_entries done{gone, found.more};
  return lent_.commit(batch, {of->entry},
                      [this, done](const result<void>& outcome) -> step {
                        is_running_ = false;
                        if (outcome.has_error())
                          return outcome.error();
                        return answer{done};
                      });
}

step pruner::list_ended(const list_ended_chains& what,
                        auth::audit_entry entry) {
  if (auto noted = lent_.book.note(std::move(entry)); noted.has_error())
    return noted.error();
  auto found = std::make_shared<result<ended_chains>>(
    error{errc::unavailable, "the trail could not be read"});
  auto work = [found, what, with = lent_.with, identity = lent_.identity] {
    *found = read_ended_chains(with, identity, what);
  };
  return offload{work,
                 [found]() -> step {
                   if (found->has_error())
                     return found->error();
                   return answer{std::move(**found)};
                 },
                 true};
}

} // namespace cloister::engine
