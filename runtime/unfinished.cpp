// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "runtime/unfinished.hpp"

#include <cstdlib>

#include "core/limits.hpp"

namespace cloister {

unfinished& unfinished::of_process() {
  static auto* the_one = [] {
    auto* made = new unfinished;
    static_cast<void>(std::atexit([] { of_process().wait(); }));
    return made;
  }();
  return *the_one;
}

unfinished::token unfinished::begin(std::size_t unfinished::*count) {
  auto& all = of_process();
  {
    std::lock_guard guard{all.mutex_};
    ++(all.*count);
  }
  return {&all, [count](unfinished* counted) { counted->end(count); }};
}

unfinished::token unfinished::begin_call() {
  return begin(&unfinished::calls_);
}

unfinished::token unfinished::begin_end() {
  return begin(&unfinished::ends_);
}

void unfinished::end(std::size_t unfinished::*count) {
  std::lock_guard guard{mutex_};
  --(this->*count);
  if (count == &unfinished::ends_)
    ++ended_;
  changed_.notify_all();
}

std::size_t unfinished::ended() {
  auto& all = of_process();
  std::lock_guard guard{all.mutex_};
  return all.ended_;
}

bool unfinished::wait_past(std::size_t seen,
                           std::chrono::steady_clock::time_point until) {
  auto& all = of_process();
  std::unique_lock guard{all.mutex_};
  all.changed_.wait_until(guard, until, [&] {
    return all.ended_ != seen || all.calls_ + all.ends_ == 0;
  });
  return all.ended_ != seen;
}

/// A handler that never returns must not keep the process for ever.
void unfinished::wait() {
  std::unique_lock guard{mutex_};
  changed_.wait_for(guard, limits::request_timeout_default,
                    [this] { return calls_ + ends_ == 0; });
}

} // namespace cloister
