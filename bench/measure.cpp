// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/measure.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <latch>
#include <mutex>
#include <thread>

#include "bench/report.hpp"

namespace cloister::bench {

namespace {

using clock = std::chrono::steady_clock;

/// Runs `body(thread)` in many threads that start together.
void in_parallel(std::size_t threads,
                 const std::function<void(std::size_t)>& body) {
  std::latch ready{static_cast<std::ptrdiff_t>(threads)};
  std::mutex mutex;
  std::exception_ptr failure;
  std::vector<std::jthread> running;
  for (std::size_t thread = 0; thread < threads; ++thread)
    running.emplace_back([&, thread] {
      ready.arrive_and_wait();
      try {
        body(thread);
      } catch (...) {
        std::lock_guard guard{mutex};
        if (!failure)
          failure = std::current_exception();
      }
    });
  running.clear();
  if (failure)
    std::rethrow_exception(failure);
}

} // namespace

double throughput(std::size_t threads, seconds span,
                  const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> calls{0};
  auto started = clock::now();
  auto until = started + std::chrono::duration_cast<clock::duration>(span);
  in_parallel(threads, [&](std::size_t thread) {
    std::size_t mine = 0;
    for (; clock::now() < until; ++mine)
      work(thread);
    calls += mine;
  });
  return static_cast<double>(calls) / seconds{clock::now() - started}.count();
}

void for_each(std::size_t count, std::size_t threads,
              const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  in_parallel(std::min(count, threads), [&](std::size_t) {
    for (auto at = next++; at < count; at = next++)
      work(at);
  });
}

seconds median_latency(seconds span, const std::function<void()>& work) {
  std::vector<double> taken;
  auto until = clock::now() + std::chrono::duration_cast<clock::duration>(span);
  while (clock::now() < until)
    taken.push_back(time_of(work).count());
  return seconds{median(std::move(taken))};
}

seconds time_of(const std::function<void()>& work) {
  auto started = clock::now();
  work();
  return clock::now() - started;
}

double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::string spread(const std::vector<double>& values, const std::string& unit) {
  auto [least, most] = std::minmax_element(values.begin(), values.end());
  return readable(*least) + " to " + readable(*most) + ' ' + unit;
}

} // namespace cloister::bench
