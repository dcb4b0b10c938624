// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <thread>

#include "bench/house.hpp"
#include "bench/measure.hpp"
#include "bench/rows.hpp"
#include "bench/text.hpp"

namespace cloister::bench {

namespace {

constexpr std::size_t in_flight = 64;
constexpr std::size_t few_scopes = 100;
constexpr int erasures = 51;
constexpr std::chrono::milliseconds time_to_settle{50};
constexpr std::size_t entries_wanted = 1'000'000;
constexpr std::size_t memory_count = 100;
constexpr double entries_a_second_wanted = 500'000;
constexpr double target_of_auditing = 0.7;
constexpr double target_of_erasures = 1.2;
constexpr double milliseconds = 1000;

/// What one of the programs beside this one prints; see gets.cpp.
double number_from(const std::string& program, const std::string& arguments) {
  auto own = std::filesystem::read_symlink("/proc/self/exe");
  auto path = (own.parent_path() / program).string();
  auto command = '\'' + path + "' " + arguments;
  std::unique_ptr<FILE, int (*)(FILE*)> output{::popen(command.c_str(), "r"),
                                               ::pclose};
  std::array<char, 64> text{};
  if (!output || std::fgets(text.data(), text.size(), output.get()) == nullptr)
    throw std::runtime_error{program + " could not be run"};
  return std::stod(text.data());
}

/// Gets a second, with and without an entry for each.
struct both_kinds {
  std::vector<double> audited;
  std::vector<double> unaudited;
};

both_kinds measure_gets(const options& with, const data_folder& in,
                        std::size_t threads) {
  both_kinds out;
  auto name = in / ("gets-" + std::to_string(threads) + '-');
  auto behind
    = ' ' + std::to_string(threads) + ' ' + std::to_string(with.span.count());
  for (int i = 0; i < rounds; ++i) {
    progress("audited gets, " + std::to_string(threads) + " in flight, round "
             + std::to_string(i + 1));
    auto dir = name + std::to_string(i);
    out.audited.push_back(
      number_from("cloister_bench_gets", '\'' + dir + "'" + behind));
    out.unaudited.push_back(number_from("cloister_bench_gets_unaudited",
                                        '\'' + dir + "-without'" + behind));
  }
  return out;
}

row measure_auditing(const options& with, const data_folder& in) {
  auto alone = measure_gets(with, in, 1);
  auto many = measure_gets(with, in, in_flight);
  auto kept = median(alone.audited) / median(alone.unaudited);
  return {15,
          "gets by id, cached, 64 in flight, 64 scopes",
          "/s",
          "the same program linked so that it audits no reads",
          median(many.audited),
          median(many.unaudited),
          better::higher,
          target_of_auditing,
          spread(many.audited, "/s") + "; limit " + spread(many.unaudited, "/s")
            + "; one at a time " + readable(median(alone.audited))
            + " /s against " + readable(median(alone.unaudited)) + " /s, "
            + readable(kept)};
}

/// A store of many scopes with a memory each, of which some are erased.
class village {
public:
  village(const std::string& path, std::size_t scopes)
    : house_(path), scopes_(scopes) {
    for_each(scopes, in_flight, [&](std::size_t number) { settle(number); });
  }

  /// Until nothing of it can be read; another one takes its place.
  double erase_one() {
    auto gone = house_.user(next_);
    auto taken = time_of([&] { gone.erase_scope().value(); });
    settle(scopes_ + next_++);
    // Its space is given back behind the answer.
    std::this_thread::sleep_for(time_to_settle);
    return taken.count() * milliseconds;
  }

private:
  void settle(std::size_t number) const {
    house_.user(number).create_memory({.content = sentence(number)}).value();
  }

  house house_;
  std::size_t scopes_;
  std::size_t next_ = 0;
};

row measure_erasures(const options& with, const data_folder& in) {
  progress("creating " + counted(with.scopes) + " scopes");
  village large{in / "erasures-many", with.scopes};
  village small{in / "erasures-few", few_scopes};
  std::vector<double> many;
  std::vector<double> few;
  for (int i = 0; i < erasures; ++i) {
    few.push_back(small.erase_one());
    many.push_back(large.erase_one());
  }
  return {16,
          "erasure of one scope among " + counted(with.scopes),
          "ms",
          "the same among 100",
          median(many),
          median(few),
          better::lower,
          target_of_erasures,
          spread(many, "ms") + "; limit " + spread(few, "ms")};
}

row measure_verification(const data_folder& in) {
  house ours{in / "verification"};
  auto user = ours.user(0);
  std::vector<memory_draft> drafts(memory_count);
  for (std::size_t i = 0; i < memory_count; ++i)
    drafts[i].content = sentence(i);
  auto made = user.create_memories(std::move(drafts)).value();
  progress("a trail of " + counted(entries_wanted) + " entries");
  for_each(entries_wanted, in_flight, [&](std::size_t number) {
    user.get_memory(made[number % memory_count].id).value();
  });
  std::vector<double> rates;
  for (int i = 0; i < rounds; ++i) {
    progress("verification, round " + std::to_string(i + 1));
    audit_verification report;
    auto taken = time_of([&] { report = user.verify_audit().value(); });
    if (!report.intact)
      throw std::runtime_error{"the trail does not verify"};
    rates.push_back(static_cast<double>(report.entries) / taken.count());
  }
  return {17,
          "entries of one audit chain verified",
          "/s",
          "what we want",
          median(rates),
          entries_a_second_wanted,
          better::higher,
          1,
          spread(rates, "/s") + "; " + counted(entries_wanted)
            + " entries of reads, each hashed"};
}

} // namespace

std::vector<row> measure_trails(const options& with, const data_folder& in) {
  std::vector<row> rows;
  if (with.wants(15))
    rows.push_back(measure_auditing(with, in));
  if (with.wants(16))
    rows.push_back(measure_erasures(with, in));
  if (with.wants(17))
    rows.push_back(measure_verification(in));
  return rows;
}

} // namespace cloister::bench
