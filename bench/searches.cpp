// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include "bench/house.hpp"
#include "bench/measure.hpp"
#include "bench/rows.hpp"
#include "bench/text.hpp"
#include "search/inverted_index.hpp"

namespace cloister::bench {

namespace {

constexpr std::size_t content_bytes = 300;
constexpr std::size_t batch = 500;
constexpr double milliseconds = 1000;
constexpr double half = 0.5;
constexpr double nearly_all = 0.99;

double percentile(std::vector<double> values, double part) {
  std::sort(values.begin(), values.end());
  auto at = static_cast<std::size_t>(part * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

void fill(const client& user, std::size_t from, std::size_t to) {
  while (from < to) {
    auto count = std::min(batch, to - from);
    std::vector<memory_draft> drafts(count);
    for (auto& draft : drafts)
      draft.content = zipf_text(from++, content_bytes);
    user.create_memories(std::move(drafts)).value();
  }
}

double search_ms(const client& user, std::uint64_t number,
                 std::size_t memories) {
  search_options asked;
  asked.query = zipf_query(number, memories, content_bytes);
  return time_of([&] { user.search_memories(asked).value(); }).count()
         * milliseconds;
}

/// Rows 7 and 8: searches in one growing scope.
void measure_growth(const options& with, const data_folder& in,
                    std::vector<row>& rows) {
  constexpr std::size_t queries = 1000;
  constexpr std::size_t usual = 10'000;
  constexpr double target_ms = 0.3;
  house ours{in / "searches"};
  auto user = ours.user(0);
  std::size_t size = 0;
  double smallest = 0;
  for (auto wanted : with.search_sizes) {
    progress("searches, " + counted(wanted) + " memories");
    fill(user, size, wanted);
    size = wanted;
    std::vector<double> times;
    for (std::size_t i = 0; i < queries; ++i)
      times.push_back(search_ms(user, i, size));
    auto p50 = percentile(times, half);
    auto note = "p99 " + readable(percentile(times, nearly_all)) + " ms";
    if (size == usual)
      rows.push_back({7, "search in a scope of 10,000 memories, p50", "ms",
                      "what is promised", p50, target_ms, better::lower, 1,
                      note + "; top 10, queries of 3 to 8 words"});
    if (smallest == 0) {
      smallest = p50;
      rows.push_back({8, "search in a scope of " + counted(size), "ms", "", p50,
                      0, better::lower, 0, note});
      continue;
    }
    rows.push_back({8, "search in a scope of " + counted(size), "ms",
                    "the smallest scope", p50, smallest, better::lower, 0,
                    note});
  }
}

/// Row 9: the first search after a scope has slept.
void measure_dormant(const data_folder& in, std::vector<row>& rows) {
  struct kind {
    std::size_t memories;
    std::size_t rounds;
    double target_ms;
  };
  for (auto [memories, rounds, target] :
       {kind{100, 100, 5.0}, kind{10'000, 20, 100.0}}) {
    house ours{in / ("dormant-" + std::to_string(memories))};
    constexpr std::size_t scopes = 4;
    for (std::size_t i = 0; i < scopes; ++i)
      fill(ours.user(i), 0, memories);
    auto settings = ours.settings();
    auto key = ours.api_key();
    ours.close();
    std::vector<double> times;
    for (std::size_t i = 0; i < rounds; ++i) {
      progress("dormant scopes of " + counted(memories) + ", round "
               + std::to_string(i + 1));
      auto opened = runtime::open(settings).value();
      for (std::size_t j = 0; j < scopes; ++j) {
        auto user = opened.client(key, user_name(j)).value();
        times.push_back(search_ms(user, i, memories));
      }
    }
    rows.push_back(
      {9, "first search in a dormant scope of " + counted(memories) + ", p99",
       "ms", "what is promised", percentile(times, nearly_all), target,
       better::lower, 1, "p50 " + readable(percentile(times, half)) + " ms"});
  }
}

/// Row 10: the index by itself.
void measure_index(std::vector<row>& rows) {
  for (std::size_t memories : {100u, 10'000u}) {
    search::inverted_index index{language::english};
    std::size_t text = 0;
    for (std::size_t i = 0; i < memories; ++i) {
      auto content = zipf_text(i, content_bytes);
      text += content.size();
      index.add(static_cast<search::document>(i), content);
    }
    rows.push_back({10, "index of " + counted(memories) + " memories",
                    "bytes each", "their text",
                    static_cast<double>(index.memory_bytes())
                      / static_cast<double>(memories),
                    static_cast<double>(text) / static_cast<double>(memories),
                    better::lower, 1, ""});
  }
}

/// How long `work` takes at its 99th percentile, in microseconds.
double p99_us(seconds span, const std::function<void()>& work) {
  constexpr double microseconds = 1e6;
  std::vector<double> times;
  auto until = std::chrono::steady_clock::now() + span;
  while (std::chrono::steady_clock::now() < until)
    times.push_back(time_of(work).count() * microseconds);
  return percentile(std::move(times), nearly_all);
}

/// Row 11: one scope while another is searched and written at full speed.
void measure_neighbour(const options& with, const data_folder& in,
                       std::vector<row>& rows) {
  constexpr std::size_t memories = 10'000;
  constexpr double target = 3;
  house ours{in / "neighbours"};
  auto quiet = ours.user(0);
  auto loud = ours.user(1);
  fill(loud, 0, memories);
  auto kept
    = quiet.create_memory({.content = zipf_text(0, content_bytes)}).value();
  auto get = [&] { quiet.get_memory(kept.id).value(); };
  auto create = [&] {
    quiet.create_memory({.content = zipf_text(1, content_bytes)}).value();
  };
  progress("a scope alone");
  auto get_alone = p99_us(with.span, get);
  auto create_alone = p99_us(with.span, create);
  std::atomic<bool> stop{false};
  std::thread searcher{[&] {
    for (std::uint64_t i = 0; !stop; ++i)
      search_ms(loud, i, memories);
  }};
  std::thread writer{[&] {
    for (std::uint64_t i = 0; !stop; ++i)
      loud.create_memory({.content = zipf_text(i, content_bytes)}).value();
  }};
  progress("beside a busy scope");
  auto get_beside = p99_us(with.span, get);
  auto create_beside = p99_us(with.span, create);
  stop = true;
  searcher.join();
  writer.join();
  rows.push_back({11, "get beside a busy scope, p99", "us", "alone", get_beside,
                  get_alone, better::lower, target, ""});
  rows.push_back({11, "create beside a busy scope, p99", "us", "alone",
                  create_beside, create_alone, better::lower, target, ""});
}

} // namespace

std::vector<row> measure_searches(const options& with, const data_folder& in) {
  constexpr int first = 7;
  std::vector<row> rows;
  if (with.wants(first) || with.wants(first + 1))
    measure_growth(with, in, rows);
  if (with.wants(first + 2))
    measure_dormant(in, rows);
  if (with.wants(first + 3))
    measure_index(rows);
  if (with.wants(first + 4))
    measure_neighbour(with, in, rows);
  return rows;
}

} // namespace cloister::bench
