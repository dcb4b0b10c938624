// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Copies of what is erased: they are counted where they were shared to, or
// erased before their source is.

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
            + "); nothing but copies was erased: try again, or erase "
              "without them",
          why.retry_after};
}

/// What went before a failure is told of.
error with_copies_gone(error why, const auth::copies_elsewhere& copies) {
  if (copies.erased.value_or(0) > 0)
    why.detail += "; " + std::to_string(*copies.erased)
                  + " of its copies were erased before";
  return why;
}

} // namespace

copy_turn gateway::begin_copy(const scope& source) const {
  return {impl_->copying, source.organization()};
}

task<result<engine::copy_trace>> gateway::impl::trace_copies(scope source) {
  auto organization = source.organization();
  auto grant = auth::decide(auth::system_authority(organization),
                            auth::operation::count_copies, source,
                            options.time->now(), auth::make_request_id());
  if (grant.has_error())
    co_return grant.error();
  engine::operation what{engine::trace_copies{source}};
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

/// Erases them where whoever asks may delete, and counts those that stay.
task<result<auth::copies_elsewhere>>
gateway::impl::erase_copies(auth::grant erasing_it, engine::copy_trace where) {
  auth::copies_elsewhere out{0, 0};
  for (const auto& each : where.targets) {
    auto grant
      = auth::decide(erasing_it.who_ptr(), auth::operation::erase_copies, each,
                     options.time->now(), erasing_it.request());
    if (grant.has_error()) {
      auto refusing
        = refused(erasing_it.who_ptr(), auth::operation::erase_copies,
                  erasing_it.request(), grant.error(), each, {});
      auto why = co_await refusing;
      // What cannot be written down does not happen.
      if (why.code == errc::unavailable)
        co_return why;
      auto counting = count_copies_in(each, where.source);
      auto left = co_await counting;
      if (left.has_error())
        co_return left.error();
      *out.left += *left;
      continue;
    }
    auto finding = find_copies_in(
      *grant, {where.source, engine::find_copies::wish::erase});
    auto found = co_await finding;
    if (found.has_error())
      co_return found.error();
    *out.erased += *found;
  }
  co_return out;
}

task<result<auth::copies_elsewhere>>
gateway::impl::count_copies(engine::copy_trace where) {
  auth::copies_elsewhere out{0, {}};
  for (const auto& each : where.targets) {
    auto counting = count_copies_in(each, where.source);
    auto found = co_await counting;
    if (found.has_error())
      co_return found.error();
    *out.left += *found;
  }
  co_return out;
}

/// Once what was on its way has arrived, behind all that was written.
task<result<engine::copy_trace>>
gateway::impl::trace_all_copies(scope source, std::uint64_t before) {
  while (copying->is_under_way(source.organization(), before)) {
    auto pause = pause_for(under_way_pause);
    co_await pause;
  }
  auto settling = perform_on_node(engine::update_sessions{});
  auto settled = co_await settling;
  if (settled.has_error())
    co_return settled.error();
  auto tracing = trace_copies(source);
  co_return co_await tracing;
}

/// Copies are looked for while none of them can be passed on, and that stays so
/// until their source is gone.
task<result<engine::erased_child>>
gateway::impl::erase_tracing(auth::grant allowed, shared_copies how) {
  auto target = allowed.target();
  erasure_turn turn{erasing, target.organization()};
  if (!turn)
    co_return too_many_erasures();
  auto tracing = trace_copies(target);
  auto where = co_await tracing;
  auto erases = how == shared_copies::erase;
  // What is gone has none; and where copies only were to be counted, there is
  // no number.
  if (where.has_error() && (!erases || is_gone(where.error()))) {
    auto erasing_it = erase_in_turn(allowed, false, {});
    co_return co_await erasing_it;
  }
  if (where.has_error())
    co_return not_looked_through(where.error());
  block_turn blocked{copying, where->source};
  auto tracing_all = trace_all_copies(target, blocked.before());
  where = co_await tracing_all;
  result<auth::copies_elsewhere> copies{auth::copies_elsewhere{}};
  if (where && erases) {
    auto following = erase_copies(allowed, *where);
    copies = co_await following;
  } else if (where) {
    auto counting = count_copies(*where);
    copies = co_await counting;
  } else {
    copies = where.error();
  }
  if (copies.has_error() && erases)
    co_return not_looked_through(copies.error());
  // A number that is too low would be none.
  auto known = copies ? *copies : auth::copies_elsewhere{};
  auto erasing_it = erase_in_turn(allowed, false, known);
  auto done = co_await erasing_it;
  if (done.has_error())
    co_return with_copies_gone(done.error(), known);
  co_return done;
}

} // namespace cloister::actors
