// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Copies of what is erased: they are counted where they were shared to, or
// erased before their source is.

#include <algorithm>

#include "actors/gateway_impl.hpp"

namespace cloister::actors {

namespace {

constexpr std::chrono::milliseconds under_way_pause{1};

/// Keeps what came through a scope from being written anywhere.
class block_turn {
public:
  block_turn(std::shared_ptr<copy_keeper> keeper,
             const persistence::scope_tag& source)
    : keeper_(std::move(keeper)),
      source_(source),
      before_(keeper_->block(source)) {}
  block_turn(const block_turn&) = delete;
  block_turn& operator=(const block_turn&) = delete;
  ~block_turn() {
    keeper_->unblock(source_);
  }

  /// What was on its way before has a lower number.
  std::uint64_t before() const {
    return before_;
  }

private:
  std::shared_ptr<copy_keeper> keeper_;
  persistence::scope_tag source_;
  std::uint64_t before_;
};

error not_looked_through(const error& why) {
  return {why.code,
          "a scope that has copies could not be looked through (" + why.detail
            + "); nothing was erased: try again, or erase without them",
          why.retry_after};
}

/// An intent is there: whoever reads it goes on.
error goes_on_error(const error& why) {
  return {errc::unavailable,
          "the erasure has begun and goes on by itself (" + why.detail + ")",
          limits::overload_retry_hint};
}

} // namespace

copy_turn gateway::begin_copy(const scope& source) const {
  return {impl_->copying, source.organization()};
}

task<result<engine::copy_trace>>
gateway::impl::trace_copies(engine::trace_copies asked) {
  auto organization = asked.above.organization();
  auto grant = auth::decide(auth::system_authority(organization),
                            auth::operation::count_copies, asked.above,
                            options.time->now(), auth::make_request_id());
  if (grant.has_error())
    co_return grant.error();
  engine::operation what{std::move(asked)};
  auto asking_it = ask_granted(organization, *grant, std::move(what));
  auto done = co_await asking_it;
  if (done.has_error())
    co_return done.error();
  co_return std::move(std::get<engine::copy_trace>(*done));
}

/// How many one scope has, or had.
task<result<std::uint64_t>>
gateway::impl::find_copies_in(auth::grant allowed, engine::find_copies what) {
  gateway_call call{
    make_request(allowed, std::move(what), std::chrono::milliseconds{0}), {}};
  auto binding = std::make_shared<scope_binding>(allowed.target());
  auto asking_it = ask(binding, if_absent::report, call);
  auto done = co_await asking_it;
  // What is gone has none.
  if ((done.has_error() && is_gone(done.error())) || (done && !*done))
    co_return std::uint64_t{0};
  if (done.has_error())
    co_return co_await told(call.asked, allowed.target(), done.error());
  co_return std::get<engine::found_copies>(**done).copies;
}

task<result<std::uint64_t>>
gateway::impl::count_copies_in(scope where,
                               const persistence::scope_tag& source) {
  auto grant = auth::decide(auth::system_authority(where.organization()),
                            auth::operation::count_copies, where,
                            options.time->now(), auth::make_request_id());
  if (grant.has_error())
    co_return grant.error();
  auto counting = find_copies_in(*grant, {source});
  co_return co_await counting;
}

/// Counts them, and finds out which may be erased. Before anything is: what
/// cannot be looked through keeps an erasure from beginning.
task<result<erasure_plan>> gateway::impl::plan_erasure(auth::grant erasing_it,
                                                       engine::copy_trace where,
                                                       shared_copies how) {
  erasure_plan out;
  out.source = where.source;
  out.copies.left = 0;
  if (how == shared_copies::erase)
    out.copies.erased = 0;
  for (const auto& each : where.targets) {
    std::optional<result<auth::grant>> grant;
    if (how == shared_copies::erase)
      grant = auth::decide(erasing_it.who_ptr(), auth::operation::erase_copies,
                           each, options.time->now(), erasing_it.request());
    if (grant && grant->has_error()) {
      auto refusing
        = refused(erasing_it.who_ptr(), auth::operation::erase_copies,
                  erasing_it.request(), grant->error(), each, {});
      auto why = co_await refusing;
      // What cannot be written down does not happen.
      if (why.code == errc::unavailable)
        co_return why;
    }
    auto counting = count_copies_in(each, where.source);
    auto found = co_await counting;
    if (found.has_error())
      co_return found.error();
    if (!grant || grant->has_error())
      *out.copies.left += *found;
    else if (*found > 0)
      out.copies_first.push_back(**grant);
  }
  co_return out;
}

/// Answers how many there were.
task<result<std::uint64_t>>
gateway::impl::erase_copies(std::vector<auth::grant> where,
                            persistence::scope_tag source) {
  std::uint64_t out = 0;
  for (const auto& each : where) {
    if (erasing->is_ending())
      co_return error{errc::unavailable, "the runtime is closing"};
    auto finding
      = find_copies_in(each, {source, engine::find_copies::wish::erase});
    auto found = co_await finding;
    if (found.has_error())
      co_return found.error();
    out += *found;
  }
  co_return out;
}

/// Begins, erases copies, and goes on. From its intent on the erasure goes on
/// by itself, by what is written there, and by what is said with each batch of
/// removals.
task<result<engine::answer>>
gateway::impl::erase_copies_first(auth::grant allowed, erasure_plan plan,
                                  engine::operation begin) {
  auto parent = *allowed.target().parent();
  std::get<engine::erase_child>(begin).copies_below = allowed.who().root;
  auto beginning = ask_granted(parent, allowed, std::move(begin));
  auto begun = co_await beginning;
  if (begun.has_error())
    co_return begun.error();
  erasing->begin_copies_of(allowed.target());
  // Somebody erased it, and made it anew, since copies were looked for.
  if (std::get<engine::erased_child>(*begun).tag != plan.source)
    co_return goes_on_error({errc::conflict, "it was made anew meanwhile"});
  auto following = erase_copies(plan.copies_first, plan.source);
  auto erased = co_await following;
  if (erased.has_error())
    co_return goes_on_error(erased.error());
  engine::unfinished_erasure what;
  what.tag = plan.source;
  what.parent = parent;
  auto finishing = ask_to_finish(what, {plan.copies.left, *erased});
  auto done = co_await finishing;
  if (done.has_error())
    co_return goes_on_error(done.error());
  // With what lies above it.
  if (!std::holds_alternative<engine::erased_child>(*done))
    co_return error{errc::erased, "it went with a scope above it"};
  co_return done;
}

/// Goes on with those of an erasure that somebody else began.
task<std::optional<auth::copies_elsewhere>>
gateway::impl::finish_copies(engine::unfinished_erasure what,
                             std::vector<scope> going) {
  block_turn blocked{copying, what.tag};
  auto tracing
    = trace_all_copies({*what.parent, what.name, what.tag}, blocked.before());
  auto where = co_await tracing;
  // By that name there is another one by now.
  if (where && where->source != what.tag)
    co_return auth::copies_elsewhere{};
  // Nobody can look for them, and what is damaged is to go all the same.
  if (where.has_error()
      && (is_gone(where.error()) || where.error().code == errc::corrupted))
    co_return auth::copies_elsewhere{};
  if (where.has_error())
    co_return std::nullopt;
  auto finishing = finish_copies_at(what, *where, std::move(going));
  co_return co_await finishing;
}

task<std::optional<auth::copies_elsewhere>>
gateway::impl::finish_copies_at(engine::unfinished_erasure what,
                                engine::copy_trace where,
                                std::vector<scope> going) {
  auth::copies_elsewhere out{0, where.removed};
  if (!where.is_whole)
    out.left.reset();
  auto who = auth::system_authority(*what.copies_below);
  for (const auto& each : where.targets) {
    // Two that are erased with copies in each other must not wait for each
    // other.
    if (std::any_of(going.begin(), going.end(),
                    [&](const auto& top) { return top.contains(each); }))
      continue;
    auto grant = auth::decide(who, auth::operation::erase_copies, each,
                              options.time->now(), what.request);
    result<std::uint64_t> found{std::uint64_t{0}};
    if (grant) {
      auto following = erase_copies({*grant}, where.source);
      found = co_await following;
    } else {
      auto counting = count_copies_in(each, where.source);
      found = co_await counting;
    }
    // What is damaged is no number, and all else may get better.
    if (found.has_error() && found.error().code != errc::corrupted)
      co_return std::nullopt;
    auto& number = grant ? out.erased : out.left;
    if (found.has_error()) {
      out.left.reset();
      out.erased.reset();
    } else if (number) {
      *number += *found;
    }
  }
  co_return out;
}

/// Once what was on its way has arrived, behind all that was written.
task<result<engine::copy_trace>>
gateway::impl::trace_all_copies(engine::trace_copies what,
                                std::uint64_t before) {
  while (copying->is_under_way(what.above.organization(), before)) {
    auto pause = pause_for(under_way_pause);
    co_await pause;
  }
  auto settling = perform_on_node(engine::update_sessions{});
  auto settled = co_await settling;
  if (settled.has_error())
    co_return settled.error();
  auto tracing = trace_copies(std::move(what));
  co_return co_await tracing;
}

/// Copies are looked for while none of them can be passed on, and that stays so
/// until their source is gone, or its erasure goes on by itself.
task<result<engine::erased_child>>
gateway::impl::erase_tracing(auth::grant allowed, shared_copies how) {
  auto target = allowed.target();
  erasure_turn turn{erasing, target.organization()};
  if (!turn)
    co_return too_many_erasures();
  // Callers that try again without a pause must not keep what is interrupted
  // from going on: it waits while anybody is at work on its copies.
  if (closed->covers(target))
    co_return erasing_error();
  engine::trace_copies wanted{*target.parent(), target};
  auto tracing = trace_copies(wanted);
  auto where = co_await tracing;
  auto erases = how == shared_copies::erase;
  // What is gone has none; and where copies only were to be counted, there is
  // no number.
  if (where.has_error() && (!erases || is_gone(where.error()))) {
    auto erasing_it = erase_in_turn(allowed, erasure_plan{});
    co_return co_await erasing_it;
  }
  if (where.has_error())
    co_return not_looked_through(where.error());
  block_turn blocked{copying, where->source};
  auto tracing_all = trace_all_copies(wanted, blocked.before());
  where = co_await tracing_all;
  result<erasure_plan> plan{erasure_plan{}};
  if (where) {
    auto planning = plan_erasure(allowed, *where, how);
    plan = co_await planning;
  } else {
    plan = where.error();
  }
  if (plan.has_error() && erases)
    co_return not_looked_through(plan.error());
  // A number that is too low would be none.
  auto erasing_it = erase_in_turn(allowed, plan ? *plan : erasure_plan{});
  co_return co_await erasing_it;
}

} // namespace cloister::actors
