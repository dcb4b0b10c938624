// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <unordered_map>

#include "actors/gateway_impl.hpp"
#include "core/limits.hpp"

namespace cloister::actors {

namespace {

/// Scopes that one search asks at a time for what they know of its words.
constexpr std::size_t scopes_at_once = 64;
/// Memories that they may answer with at a time.
constexpr std::size_t hits_at_once = 256;

/// One scope's part in a search over several.
struct search_part {
  std::shared_ptr<scope_binding> binding;
  auth::grant grant;
};

using part_span = std::span<search_part>;

/// The best of several scopes: as many as are wanted and as fit into an answer,
/// and not many more are kept.
class best_hits {
public:
  explicit best_hits(std::size_t limit) : limit_(limit) {}

  void add(const scope& where, std::vector<engine::memory_hit> found) {
    for (auto& hit : found) {
      bytes_ += bytes_of(hit);
      hits_.push_back({where, std::move(hit)});
    }
    if (hits_.size() > 2 * limit_ || bytes_ > 2 * limits::answer_bytes_max)
      trim();
  }

  /// What scores less is not among them; 0 as long as there is room.
  double least_score() const {
    return worst_;
  }

  std::vector<located_hit> take() {
    trim();
    return std::move(hits_);
  }

private:
  static std::size_t bytes_of(const engine::memory_hit& hit) {
    return hit.memory.content.size() + hit.memory.metadata.size();
  }

  void trim() {
    std::stable_sort(hits_.begin(), hits_.end(),
                     [](const located_hit& a, const located_hit& b) {
                       if (a.hit.score != b.hit.score)
                         return a.hit.score > b.hit.score;
                       return a.hit.memory.created_at > b.hit.memory.created_at;
                     });
    bytes_ = 0;
    std::size_t kept = 0;
    while (kept < hits_.size() && kept < limit_) {
      auto size = bytes_of(hits_[kept].hit);
      if (bytes_ + size > limits::answer_bytes_max)
        break;
      bytes_ += size;
      ++kept;
    }
    if (kept == limit_ || kept < hits_.size())
      worst_ = static_cast<double>(hits_[kept - 1].hit.score);
    hits_.erase(hits_.begin() + static_cast<std::ptrdiff_t>(kept), hits_.end());
  }

  std::size_t limit_;
  std::size_t bytes_ = 0;
  double worst_ = 0;
  std::vector<located_hit> hits_;
};

/// A hit that is first in both lists gets 1. "Reciprocal rank fusion
/// outperforms Condorcet and individual rank learning methods" (G. Cormack, C.
/// Clarke and S. Buettcher, 2009) has the formula and the constant.
constexpr double fusion_constant = 60;

/// Lists of the same memories, ranked by two measures, as one.
std::vector<located_hit> fused(std::vector<located_hit> words,
                               std::vector<located_hit> near) {
  std::vector<located_hit> out;
  std::unordered_map<memory_id, std::size_t> places;
  for (auto* list : {&words, &near})
    for (std::size_t rank = 0; rank < list->size(); ++rank) {
      auto& each = (*list)[rank];
      auto score = (fusion_constant + 1) / 2
                   / (fusion_constant + static_cast<double>(rank) + 1);
      auto [place, is_new] = places.try_emplace(each.hit.memory.id, out.size());
      if (is_new) {
        out.push_back(std::move(each));
        out.back().hit.score = 0;
      }
      out[place->second].hit.score += static_cast<float>(score);
    }
  std::stable_sort(out.begin(), out.end(),
                   [](const located_hit& a, const located_hit& b) {
                     return a.hit.score > b.hit.score;
                   });
  return out;
}

/// What two lists are fused from has more than what is answered: what is far
/// down in both may be the best of all.
constexpr std::size_t fused_min = 50;

} // namespace

/// A search over several scopes. They are asked side by side, the whole under
/// one deadline.
struct gateway::search_run {
  impl& node;
  auth::authority_ptr who;
  std::chrono::nanoseconds deadline;
  /// Of many that were listed some may have ended since.
  bool passes_over_erased = false;

  /// What one scope answers: nothing where it is absent.
  using part_answer = result<std::optional<engine::answer>>;

  task<part_answer> ask(search_part part, engine::operation what,
                        bool note_missing) {
    gateway_call call{std::make_shared<engine::request>(
                        engine::request{part.grant, std::move(what), deadline}),
                      {}};
    auto done = co_await node.ask(part.binding, if_absent::report, call);
    if (done.has_error() && done.error().code == errc::erased
        && passes_over_erased)
      co_return std::optional<engine::answer>{};
    if (done.has_error())
      co_return co_await node.told(call.asked, part.binding->name(),
                                   done.error());
    if (*done || !note_missing || !call.absent)
      co_return std::move(*done);
    // The nearest ancestor of a scope that was never written to remembers who
    // asked.
    engine::note_access access{
      errc::not_found,     {}, part.binding->name(), {}, who, part.grant.what(),
      part.grant.request()};
    auto noted = co_await node.note(*call.absent->nearest, std::move(access));
    if (noted.has_error())
      co_return noted.error();
    co_return std::optional<engine::answer>{};
  }

  /// Asks some scopes at once.
  task<std::vector<part_answer>>
  ask_all(part_span parts, engine::operation what, bool note_missing) {
    std::vector<task<part_answer>> tasks;
    tasks.reserve(parts.size());
    for (auto& part : parts)
      tasks.push_back(ask(part, what, note_missing));
    all_of<part_answer> all{std::move(tasks)};
    co_return co_await all;
  }

  /// What all scopes know of the words, so that a hit counts the same wherever
  /// it lies.
  task<result<search::corpus_statistics>> gather(part_span parts,
                                                 std::string query) {
    search::corpus_statistics all;
    for (std::size_t at = 0; at < parts.size(); at += scopes_at_once) {
      auto some
        = parts.subspan(at, std::min(scopes_at_once, parts.size() - at));
      engine::operation what{engine::gather_statistics{query}};
      auto answers = co_await ask_all(some, std::move(what), false);
      for (auto& outcome : answers) {
        if (outcome.has_error())
          co_return outcome.error();
        if (*outcome)
          all.add(std::get<search::corpus_statistics>(**outcome));
      }
    }
    co_return all;
  }
};

task<result<std::vector<located_hit>>>
gateway::search(std::vector<std::shared_ptr<scope_binding>> scopes,
                auth::authority_ptr who, engine::search_memories what,
                std::chrono::milliseconds timeout, bool passes_over_erased) {
  auto kind = auth::operation::search_memories;
  std::vector<search_part> parts;
  for (const auto& binding : scopes) {
    auto id = auth::make_request_id(*who);
    auto grant = auth::decide(who, kind, binding->name(),
                              impl_->options.time->now(), id);
    auto how = parts.empty() ? counted::call : counted::further_scope;
    if (auto early = impl_->over_rate(*who, kind, binding->name(), grant, how))
      co_return co_await impl_->refused_by_rate(who, kind, id, *early);
    if (grant.has_error())
      co_return co_await impl_->refused(who, kind, id, grant.error(),
                                        binding->name(), {});
    parts.push_back({binding, std::move(*grant)});
  }
  search_run run{*impl_, who, impl_->deadline_in(timeout), passes_over_erased};
  auto least = what.min_score;
  auto limit = what.limit;
  auto is_fused = !what.query.empty() && !what.embedding.empty();
  if (is_fused) {
    what.min_score = 0;
    what.limit = std::max(limit, fused_min);
  }
  if (parts.size() > 1 && !what.query.empty()) {
    auto gathered = co_await run.gather(parts, what.query);
    if (gathered.has_error())
      co_return gathered.error();
    what.statistics = std::move(*gathered);
  }
  best_hits best{what.limit};
  best_hits near{what.limit};
  std::optional<error> not_comparable;
  auto at_once
    = std::clamp<std::size_t>(hits_at_once / what.limit, 1, scopes_at_once);
  for (std::size_t at = 0; at < parts.size(); at += at_once) {
    auto some
      = part_span{parts}.subspan(at, std::min(at_once, parts.size() - at));
    what.min_score = std::max(what.min_score, best.least_score());
    engine::operation wanted{what};
    auto answers = co_await run.ask_all(some, std::move(wanted), true);
    for (std::size_t i = 0; i < some.size(); ++i) {
      // Where embeddings have another dimension there are words, at least.
      auto has_others = parts.size() > 1 && !what.embedding.empty()
                        && answers[i].has_error()
                        && answers[i].error().code == errc::invalid_argument;
      if (has_others) {
        not_comparable = answers[i].error();
        if (what.query.empty())
          continue;
        auto by_words = what;
        by_words.embedding.clear();
        auto asking = run.ask(some[i], std::move(by_words), false);
        answers[i] = co_await asking;
      }
      if (answers[i].has_error())
        co_return answers[i].error();
      if (!*answers[i])
        continue;
      auto& found = std::get<engine::memory_hits>(**answers[i]);
      best.add(some[i].binding->name(), std::move(found.hits));
      near.add(some[i].binding->name(), std::move(found.near));
    }
  }
  if (what.embedding.empty())
    co_return best.take();
  auto nearest = near.take();
  if (nearest.empty() && not_comparable)
    co_return *not_comparable;
  auto out
    = is_fused ? fused(best.take(), std::move(nearest)) : std::move(nearest);
  std::erase_if(out, [&](auto& each) {
    each.hit.score = std::max(each.hit.score, 0.0f);
    return static_cast<double>(each.hit.score) < least;
  });
  if (out.size() > limit)
    out.resize(limit, out.front());
  co_return out;
}

} // namespace cloister::actors
