// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <thread>

#include "bench/house.hpp"
#include "bench/machine.hpp"
#include "bench/measure.hpp"
#include "bench/rows.hpp"
#include "bench/text.hpp"

namespace cloister::bench {

namespace {

constexpr std::size_t threads = 64;
constexpr std::size_t memories_per_scope = 10;
constexpr std::size_t few_scopes = 100;
constexpr int starts = 11;
constexpr std::chrono::milliseconds time_to_tidy_up{500};
constexpr double target_kib = 12;
constexpr double target_of_starts = 1.2;
constexpr double kib = 1024;
constexpr double milliseconds = 1000;

/// A store of many small scopes, and what it takes to read from it again.
struct town {
  runtime_options settings;
  std::string api_key;
  memory_id known;
  std::size_t known_user = 0;
  seconds built_in{};
  /// Bytes per scope while all were active.
  double resident = 0;
};

void fill(const house& in, std::size_t number, memory_id& first) {
  std::vector<memory_draft> drafts(memories_per_scope);
  for (std::size_t i = 0; i < memories_per_scope; ++i)
    drafts[i].content = sentence(number * memories_per_scope + i);
  first = in.user(number).create_memories(std::move(drafts)).value().front().id;
}

/// Creates the scopes, weighs them while all are active, and closes.
town build(const std::string& path, std::size_t scopes) {
  house made{path};
  town out{made.settings(), made.api_key(), {}, scopes / 2};
  auto before = resident_bytes();
  out.built_in = time_of([&] {
    for_each(scopes, threads, [&](std::size_t number) {
      memory_id first;
      fill(made, number, first);
      if (number == out.known_user)
        out.known = first;
    });
  });
  auto grown
    = static_cast<double>(resident_bytes()) - static_cast<double>(before);
  out.resident = grown / static_cast<double>(scopes);
  made.close();
  return out;
}

row weight_of(const town& large, std::size_t scopes) {
  auto rate = static_cast<double>(scopes) / large.built_in.count();
  return {5,
          "resident memory per active scope, 10 memories",
          "KiB",
          "what we allow ourselves",
          large.resident / kib,
          target_kib,
          better::lower,
          1,
          counted(scopes) + " scopes created in "
            + readable(large.built_in.count()) + " s, " + readable(rate)
            + " /s"};
}

/// From a closed store to the first memory. Closing it again is not counted,
/// and waits until LevelDB has tidied up after the start: the next one must not
/// find that half done.
seconds start(const town& in) {
  std::optional<runtime> opened;
  auto taken = time_of([&] {
    opened = runtime::open(in.settings).value();
    auto user = opened->client(in.api_key, user_name(in.known_user)).value();
    user.get_memory(in.known).value();
  });
  std::this_thread::sleep_for(time_to_tidy_up);
  return taken;
}

row measure_starts(const town& small, const town& large, std::size_t scopes) {
  std::vector<double> few;
  std::vector<double> many;
  for (int i = 0; i < starts; ++i) {
    progress("starts, round " + std::to_string(i + 1));
    few.push_back(start(small).count() * milliseconds);
    many.push_back(start(large).count() * milliseconds);
  }
  return {6,
          "start to first get, " + counted(scopes) + " dormant scopes",
          "ms",
          "the same with 100 dormant scopes",
          median(many),
          median(few),
          better::lower,
          target_of_starts,
          "first start " + readable(many.front()) + ", limit "
            + readable(few.front()) + "; all " + spread(many, "ms") + ", limit "
            + spread(few, "ms")};
}

} // namespace

std::vector<row> measure_scopes(const options& with, const data_folder& in) {
  std::vector<row> rows;
  if (!with.wants(5) && !with.wants(6))
    return rows;
  progress("creating " + counted(with.scopes) + " scopes");
  auto large = build(in / "many", with.scopes);
  if (with.wants(5))
    rows.push_back(weight_of(large, with.scopes));
  if (with.wants(6)) {
    auto small = build(in / "few", few_scopes);
    rows.push_back(measure_starts(small, large, with.scopes));
  }
  return rows;
}

} // namespace cloister::bench
