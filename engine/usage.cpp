// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/usage.hpp"

#include "core/limits.hpp"

namespace cloister::engine {

namespace {

/// How often an erasure may make what was counted void.
constexpr int counts_max = 16;

bool exceeds(std::int64_t held, std::int64_t more,
             const std::optional<std::uint64_t>& max) {
  return max && more > 0 && held + more > static_cast<std::int64_t>(*max);
}

error exceeded(std::string_view whose, std::uint64_t max, std::string_view one,
               std::string_view many) {
  return {errc::quota_exceeded,
          std::string{whose} + " may hold " + std::to_string(max) + ' '
            + std::string{max == 1 ? one : many}
            + " and no more; delete some, or have the limit raised"};
}

} // namespace

std::optional<error> quota_refusal(const usage& held, const usage& more,
                                   const quota& limits,
                                   std::string_view whose) {
  if (exceeds(held.memories, more.memories, limits.memories_max))
    return exceeded(whose, *limits.memories_max, "memory", "memories");
  if (exceeds(held.bytes, more.bytes, limits.bytes_max))
    return exceeded(whose, *limits.bytes_max, "byte", "bytes");
  return std::nullopt;
}

bool organization_usage::is_counted() const {
  std::lock_guard guard{mutex_};
  return state_ == state::counted;
}

bool organization_usage::is_counting() const {
  std::lock_guard guard{mutex_};
  return state_ == state::counting;
}

usage organization_usage::total() const {
  std::lock_guard guard{mutex_};
  return total_;
}

// -- scopes that are awake --

void organization_usage::enter(const tag& scope, std::uint64_t owner,
                               const usage& held) {
  std::lock_guard guard{mutex_};
  auto [at, fresh] = shares_.try_emplace(scope, share{held, owner});
  if (!fresh) {
    total_ += held - at->second.held;
    at->second = {held, owner};
    return;
  }
  // What slept is part of the sum already, also if it fell asleep meanwhile.
  if (state_ != state::counting || !awake_.insert(scope).second)
    return;
  auto slept = visited_.find(scope);
  total_ += held - (slept == visited_.end() ? usage{} : slept->second);
}

void organization_usage::leave(const tag& scope, std::uint64_t owner,
                               bool is_known) {
  std::lock_guard guard{mutex_};
  auto at = shares_.find(scope);
  if (at != shares_.end() && at->second.owner == owner && is_known)
    shares_.erase(at);
}

void organization_usage::end(const tag& scope, std::uint64_t owner) {
  std::lock_guard guard{mutex_};
  auto at = shares_.find(scope);
  if (at == shares_.end() || at->second.owner != owner)
    return;
  total_ += usage{} - at->second.held;
  shares_.erase(at);
}

void organization_usage::change(const tag& scope, const usage& by) {
  if (by == usage{})
    return;
  std::lock_guard guard{mutex_};
  shares_[scope].held += by;
  total_ += by;
}

result<void> organization_usage::reserve(const tag& scope, const usage& more,
                                         const quota& limits) {
  std::lock_guard guard{mutex_};
  // Between the caller's look and this one it may have become unknown: rare
  // enough to be asked for again.
  if (state_ != state::counted)
    return error{errc::overloaded,
                 "what the organization holds is being counted; try again",
                 limits::overload_retry_hint};
  if (auto why = quota_refusal(total_, more, limits, "the organization"))
    return std::move(*why);
  shares_[scope].held += more.grown();
  total_ += more.grown();
  return {};
}

// -- erasures --

void organization_usage::correct(const tag& scope, const usage& held) {
  std::lock_guard guard{mutex_};
  auto at = shares_.find(scope);
  if (at == shares_.end())
    return;
  total_ += held - at->second.held;
  shares_.erase(at);
}

void organization_usage::forget(const usage& erased) {
  std::lock_guard guard{mutex_};
  // Which of them were visited is not known.
  if (state_ == state::counting)
    is_void_ = true;
  total_ += usage{} - erased;
}

void organization_usage::forget_sum() {
  std::lock_guard guard{mutex_};
  if (state_ == state::counting)
    is_void_ = true;
  else
    state_ = state::unknown;
}

// -- counting --

/// Gives up what did not come to its end, also where that throws.
struct organization_usage::counting_turn {
  explicit counting_turn(organization_usage& of) : of_(of) {}
  counting_turn(const counting_turn&) = delete;
  counting_turn& operator=(const counting_turn&) = delete;
  ~counting_turn() {
    of_.abandon();
  }

private:
  organization_usage& of_;
};

result<void> organization_usage::count(
  const std::function<result<void>(const visitor& visit)>& walk) {
  if (!begin())
    return {};
  counting_turn turn{*this};
  for (int i = 0; i < counts_max; ++i) {
    auto done = walk([this](const tag& scope, const usage& held) {
      add_sleeping(scope, held);
    });
    if (done.has_error())
      return done;
    if (finish())
      return {};
  }
  return error{errc::overloaded,
               "scopes are erased faster than what the organization holds can "
               "be counted; try again",
               limits::overload_retry_hint};
}

bool organization_usage::begin() {
  std::lock_guard guard{mutex_};
  if (state_ != state::unknown)
    return false;
  state_ = state::counting;
  start_over();
  return true;
}

/// From what is awake. Those that sleep are added one by one.
void organization_usage::start_over() {
  is_void_ = false;
  visited_.clear();
  awake_.clear();
  total_ = {};
  for (const auto& [scope, each] : shares_) {
    awake_.insert(scope);
    total_ += each.held;
  }
}

/// One that was awake meanwhile has a share, or had one, which counts.
void organization_usage::add_sleeping(const tag& scope, const usage& held) {
  std::lock_guard guard{mutex_};
  if (awake_.contains(scope) || !visited_.emplace(scope, held).second)
    return;
  total_ += held;
}

bool organization_usage::finish() {
  std::lock_guard guard{mutex_};
  if (is_void_) {
    start_over();
    return false;
  }
  state_ = state::counted;
  return true;
}

void organization_usage::abandon() {
  std::lock_guard guard{mutex_};
  if (state_ == state::counting)
    state_ = state::unknown;
  visited_ = {};
  awake_ = {};
}

std::shared_ptr<organization_usage>
usage_table::of(const persistence::scope_tag& organization) {
  std::lock_guard guard{mutex_};
  auto& known = known_[organization];
  if (!known)
    known = std::make_shared<organization_usage>();
  return known;
}

} // namespace cloister::engine
