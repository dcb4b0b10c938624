// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace cloister::bench {

using seconds = std::chrono::duration<double>;

/// How often a throughput is measured, in turns with its limit.
constexpr int rounds = 3;

/// Calls `work(thread)` in many threads at once until the time is over. Answers
/// calls per second. Throws what `work` threw first.
double throughput(std::size_t threads, seconds span,
                  const std::function<void(std::size_t thread)>& work);

/// Splits the numbers from 0 to `count` among threads. Throws what `work` threw
/// first.
void for_each(std::size_t count, std::size_t threads,
              const std::function<void(std::size_t number)>& work);

/// Calls `work` until the time is over. Answers the median of its durations.
seconds median_latency(seconds span, const std::function<void()>& work);

/// How long one call takes.
seconds time_of(const std::function<void()>& work);

double median(std::vector<double> values);

/// "3,901 to 4,211 /s".
std::string spread(const std::vector<double>& values, const std::string& unit);

} // namespace cloister::bench
