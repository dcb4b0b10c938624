// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "actors/gateway_impl.hpp"

namespace cloister::actors {

namespace {

/// Scopes that one search asks at a time.
constexpr std::size_t scopes_at_once = 64;

/// One scope's part in a search over several.
struct search_part {
  std::shared_ptr<scope_binding> binding;
  auth::grant grant;
};

using part_span = std::span<search_part>;

/// What one scope answered: nothing where it is absent.
struct part_answer {
  std::shared_ptr<engine::request> asked;
  result<std::optional<engine::answer>> outcome
    = std::optional<engine::answer>{};
  std::optional<found_scope> absent;
};

/// The best of several scopes: as many as are wanted, and no more are kept.
class best_hits {
public:
  explicit best_hits(std::size_t limit) : limit_(limit) {}

  void add(const scope& where, engine::memory_hits found) {
    for (auto& hit : found.hits)
      hits_.push_back({where, std::move(hit)});
    if (hits_.size() > 2 * limit_)
      trim();
  }

  std::vector<located_hit> take() {
    trim();
    return std::move(hits_);
  }

private:
  void trim() {
    std::stable_sort(hits_.begin(), hits_.end(),
                     [](const located_hit& a, const located_hit& b) {
                       return a.hit.score > b.hit.score;
                     });
    if (hits_.size() > limit_)
      hits_.erase(hits_.begin() + static_cast<std::ptrdiff_t>(limit_),
                  hits_.end());
  }

  std::size_t limit_;
  std::vector<located_hit> hits_;
};

} // namespace

/// A search over several scopes. All of them are asked side by side, the whole
/// under one deadline.
struct gateway::search_run {
  impl& node;
  const auth::authority_ptr& who;
  std::chrono::nanoseconds deadline;

  /// Finds the actors of scopes that were not found before.
  void find_all(part_span parts) {
    auto directory = node.core->get().directory;
    if (!directory)
      return;
    auto caller = node.callers->take();
    auto find = [&](const scope& name) {
      return (*caller)->request(directory, caf::infinite,
                                find_scope{name, if_absent::report});
    };
    std::vector<std::pair<scope_binding*, decltype(find(who->root))>> asked;
    for (auto& part : parts)
      if (!node.known_target(*part.binding))
        asked.emplace_back(part.binding.get(), find(part.binding->name()));
    for (auto& [binding, reply] : asked)
      reply.receive(
        [&, b = binding](const found_scope& found) {
          if (!found.failure && found.handle)
            node.remember(*b, {found.handle, found.usage});
        },
        [](const caf::error&) {});
  }

  /// Asks scopes side by side; one that has no actor, or whose actor ends
  /// meanwhile, by itself.
  std::vector<part_answer> ask_all(part_span parts,
                                   const engine::operation& what) {
    find_all(parts);
    auto caller = node.callers->take();
    auto send = [&](const scope_actor& to,
                    const std::shared_ptr<engine::request>& asked) {
      return (*caller)->request(to, caf::infinite, actors::perform{asked});
    };
    struct sent {
      std::size_t part;
      std::shared_ptr<engine::request> asked;
      admission place;
      decltype(send({}, {})) reply;
    };
    std::vector<sent> flying;
    std::vector<std::size_t> alone;
    std::vector<part_answer> out(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      auto asked = std::make_shared<engine::request>(
        engine::request{parts[i].grant, what, deadline});
      out[i].asked = asked;
      auto target = node.known_target(*parts[i].binding);
      auto place = target ? node.enter(*target, what)
                          : result<admission>{starting_error()};
      if (place.has_error())
        alone.push_back(i);
      else
        flying.push_back(
          {i, asked, std::move(*place), send(target->handle, asked)});
    }
    for (auto& each : flying) {
      std::shared_ptr<result<engine::answer>> outcome;
      each.reply.receive([&](const performed& done) { outcome = done.outcome; },
                         [](const caf::error&) {});
      if (!outcome)
        alone.push_back(each.part);
      else if (outcome->has_error())
        out[each.part].outcome = outcome->error();
      else
        out[each.part].outcome = std::optional{std::move(**outcome)};
    }
    for (auto i : alone) {
      node.forget(*parts[i].binding);
      out[i].asked = std::make_shared<engine::request>(
        engine::request{parts[i].grant, what, deadline});
      out[i].outcome = node.ask(*parts[i].binding, out[i].asked,
                                if_absent::report, out[i].absent);
    }
    return out;
  }

  /// The nearest ancestor of a scope that was never written to remembers who
  /// asked.
  result<void> note_absent(const search_part& part, const found_scope& absent) {
    engine::note_access access{
      errc::not_found,     {}, part.binding->name(), {}, who, part.grant.what(),
      part.grant.request()};
    return node.note(*absent.nearest, std::move(access));
  }

  /// Calls `visit(part, answer)` for every scope that is there.
  template <class Visit>
  result<void> for_each(part_span parts, const engine::operation& what,
                        bool note_missing, Visit visit) {
    for (std::size_t at = 0; at < parts.size(); at += scopes_at_once) {
      auto some
        = parts.subspan(at, std::min(scopes_at_once, parts.size() - at));
      auto answers = ask_all(some, what);
      for (std::size_t i = 0; i < some.size(); ++i) {
        auto& outcome = answers[i].outcome;
        if (outcome.has_error())
          return node.told(answers[i].asked, some[i].binding->name(),
                           outcome.error());
        if (*outcome) {
          visit(some[i], std::move(**outcome));
          continue;
        }
        if (note_missing && answers[i].absent)
          if (auto noted = note_absent(some[i], *answers[i].absent);
              noted.has_error())
            return noted;
      }
    }
    return {};
  }
};

result<std::vector<located_hit>>
gateway::search(const std::vector<std::shared_ptr<scope_binding>>& scopes,
                const auth::authority_ptr& who, engine::search_memories what,
                std::chrono::milliseconds timeout) {
  auto kind = auth::operation::search_memories;
  std::vector<search_part> parts;
  for (const auto& binding : scopes) {
    auto id = auth::make_request_id();
    auto grant = auth::decide(who, kind, binding->name(),
                              impl_->options.time->now(), id);
    if (grant.has_error())
      return impl_->refused(who, kind, id, grant.error(), binding->name());
    parts.push_back({binding, std::move(*grant)});
  }
  search_run run{*impl_, who, impl_->deadline_in(timeout)};
  // First what all scopes know of the words, then the search itself, so that
  // a hit counts the same wherever it lies.
  if (parts.size() > 1) {
    search::corpus_statistics all;
    auto gathered
      = run.for_each(parts, engine::gather_statistics{what.query}, false,
                     [&](const search_part&, engine::answer known) {
                       all.add(std::get<search::corpus_statistics>(known));
                     });
    if (gathered.has_error())
      return gathered.error();
    what.statistics = std::move(all);
  }
  best_hits best{what.limit};
  auto done = run.for_each(
    parts, what, true, [&](const search_part& part, engine::answer found) {
      best.add(part.binding->name(),
               std::move(std::get<engine::memory_hits>(found)));
    });
  if (done.has_error())
    return done.error();
  return best.take();
}

} // namespace cloister::actors
