// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <filesystem>
#include <thread>

#include "bench/house.hpp"
#include "bench/machine.hpp"
#include "bench/measure.hpp"
#include "bench/rows.hpp"
#include "bench/text.hpp"

namespace cloister::bench {

namespace {

constexpr std::size_t in_flight = 64;
constexpr std::size_t content_bytes = 300;
constexpr std::size_t short_memories = 10;
constexpr std::size_t long_memories = 100'000;
constexpr int ends = 9;
constexpr std::chrono::milliseconds time_to_settle{300};
constexpr double target_of_ends = 1.5;
constexpr double target_of_writes = 1.3;
constexpr double cycles_wanted = 3000;
constexpr double milliseconds = 1000;
constexpr double mib = 1024.0 * 1024.0;

session filled_session(const client& under, std::size_t memories) {
  auto run = under.open_session().value();
  for (std::size_t at = 0; at < memories;) {
    std::vector<memory_draft> drafts(
      std::min(memories - at, limits::batch_memories_max));
    for (auto& draft : drafts)
      draft.content = sentence(at++);
    run->create_memories(std::move(drafts)).value();
  }
  return run;
}

/// What was written a moment ago is still on its way into the audit chain, and
/// more of that for more memories: the end as such is measured.
double time_of_end(const client& under, std::size_t memories) {
  auto run = filled_session(under, memories);
  std::this_thread::sleep_for(time_to_settle);
  return time_of([&] { run.close().value(); }).count() * milliseconds;
}

row measure_ends(const data_folder& in) {
  house ours{in / "session-ends"};
  auto under = ours.user(0);
  std::vector<double> large;
  std::vector<double> small;
  for (int i = 0; i < ends; ++i) {
    progress("ends of sessions, round " + std::to_string(i + 1));
    large.push_back(time_of_end(under, long_memories));
    small.push_back(time_of_end(under, short_memories));
  }
  return {12,
          "end of a session of 100,000 memories, until none can be read",
          "ms",
          "the same with 10 memories",
          median(large),
          median(small),
          better::lower,
          target_of_ends,
          spread(large, "ms") + "; limit " + spread(small, "ms")};
}

row measure_writes(const options& with, const data_folder& in) {
  house ours{in / "session-writes"};
  std::vector<client> users;
  std::vector<session> runs;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < in_flight; ++i) {
    users.push_back(ours.user(i));
    users[i].create_memory({.content = prose(i, content_bytes)}).value();
    texts.push_back(prose(i, content_bytes));
  }
  std::vector<double> durable;
  std::vector<double> ephemeral;
  for (int i = 0; i < rounds; ++i) {
    progress("writes of sessions, round " + std::to_string(i + 1));
    runs.clear();
    for (const auto& user : users)
      runs.push_back(user.open_session().value());
    ephemeral.push_back(throughput(in_flight, with.span, [&](std::size_t at) {
      runs[at]->create_memory({.content = texts[at]}).value();
    }));
    durable.push_back(throughput(in_flight, with.span, [&](std::size_t at) {
      users[at].create_memory({.content = texts[at]}).value();
    }));
  }
  return {13,
          "creates in ephemeral sessions, 64 in flight",
          "/s",
          "durable creates, 64 in flight, 64 scopes",
          median(ephemeral),
          median(durable),
          better::higher,
          target_of_writes,
          spread(ephemeral, "/s") + "; limit " + spread(durable, "/s")};
}

std::uint64_t bytes_below(const std::string& path) {
  std::uint64_t bytes = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator{path})
    if (each.is_regular_file())
      bytes += each.file_size();
  return bytes;
}

/// Sessions that are opened, written to and ended, side by side.
row measure_cycles(const options& with, const data_folder& in) {
  auto path = in / "session-cycles";
  house ours{path};
  std::vector<client> users;
  for (std::size_t i = 0; i < in_flight; ++i)
    users.push_back(ours.user(i));
  auto cycle = [&](std::size_t number) {
    auto run = filled_session(users[number % in_flight], short_memories);
    run.close().value();
  };
  // So that what is made once is there.
  for_each(with.sessions / 10, in_flight, cycle);
  auto before = resident_bytes();
  progress(counted(with.sessions) + " sessions");
  auto taken = time_of([&] { for_each(with.sessions, in_flight, cycle); });
  auto grown
    = static_cast<double>(resident_bytes()) - static_cast<double>(before);
  auto settings = ours.settings();
  users.clear();
  ours.close();
  auto made = static_cast<double>(with.sessions + with.sessions / 10);
  auto on_disk = static_cast<double>(bytes_below(path)) / made;
  auto start
    = time_of([&] { runtime::open(settings).value(); }).count() * milliseconds;
  return {14,
          "ephemeral sessions opened, written to (10 memories) and ended, "
          "64 at a time",
          "/s",
          "what we want",
          static_cast<double>(with.sessions) / taken.count(),
          cycles_wanted,
          better::higher,
          1,
          counted(with.sessions) + " sessions, resident memory grew by "
            + readable(grown / mib) + " MiB; " + readable(on_disk)
            + " bytes on disk for each, audit trail included; the next start "
              "and end took "
            + readable(start) + " ms"};
}

} // namespace

std::vector<row> measure_sessions(const options& with, const data_folder& in) {
  std::vector<row> rows;
  if (with.wants(12))
    rows.push_back(measure_ends(in));
  if (with.wants(13))
    rows.push_back(measure_writes(with, in));
  if (with.wants(14))
    rows.push_back(measure_cycles(with, in));
  return rows;
}

} // namespace cloister::bench
