// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/house.hpp"
#include "bench/measure.hpp"
#include "bench/raw_store.hpp"
#include "bench/rows.hpp"
#include "bench/text.hpp"

namespace cloister::bench {

namespace {

constexpr std::size_t in_flight = 64;
constexpr std::size_t content_bytes = 300;
constexpr std::size_t text_count = 4096;
constexpr std::size_t sizing_creates = 2000;
/// The scope that all write to; the others are 0 to 63.
constexpr std::size_t crowded = in_flight;
constexpr double target_of_many_scopes = 1.0;
constexpr double target_of_one_scope = 0.5;
constexpr double target_of_latency = 1.5;

/// Cloister and LevelDB side by side.
class contest {
public:
  explicit contest(const data_folder& in)
    : store_path_(in / "creates/store"), ours_(in / "creates") {
    for (std::size_t i = 0; i < text_count; ++i)
      texts_.push_back(prose(i, content_bytes));
    for (std::size_t i = 0; i <= in_flight; ++i)
      users_.push_back(ours_.user(i));
    for (std::size_t i = 0; i <= in_flight; ++i)
      create(i);
    bytes_ = bytes_per_create();
    raw_.emplace(in / "creates-raw", bytes_);
  }

  void create(std::size_t user) {
    memory_draft draft;
    draft.content = texts_[next_++ % text_count];
    users_[user].create_memory(std::move(draft)).value();
  }
  void put(std::size_t range) {
    raw_->put(range);
  }
  /// Keys and values of one create.
  std::size_t bytes() const {
    return bytes_;
  }

private:
  /// By the growth of the log, less LevelDB's own framing: 7 bytes for the log
  /// record, 12 for the batch, and 4 for each of its three records (the memory,
  /// its audit entry and the scope's head). One create at a time, so that each
  /// is a batch; less than the write buffer holds, so that it is one log.
  std::size_t bytes_per_create() {
    constexpr std::size_t framing = 7 + 12 + 3 * 4;
    auto before = log_bytes(store_path_);
    for (std::size_t i = 0; i < sizing_creates; ++i)
      create(i % in_flight);
    auto grown = log_bytes(store_path_) - before;
    return grown / sizing_creates - framing;
  }

  std::string store_path_;
  house ours_;
  std::vector<client> users_;
  std::vector<std::string> texts_;
  std::atomic<std::size_t> next_{0};
  std::size_t bytes_ = 0;
  std::optional<raw_store> raw_;
};

std::string put_text(const contest& both) {
  return "raw LevelDB, synced puts of " + counted(both.bytes()) + " bytes";
}

std::vector<row> measure_throughput(const options& with, contest& both) {
  std::vector<double> many;
  std::vector<double> one;
  std::vector<double> raw;
  for (int i = 0; i < rounds; ++i) {
    progress("creates, round " + std::to_string(i + 1));
    auto run = [&](const std::function<void(std::size_t)>& work) {
      return throughput(in_flight, with.span, work);
    };
    many.push_back(run([&](std::size_t thread) { both.create(thread); }));
    raw.push_back(run([&](std::size_t thread) { both.put(thread); }));
    one.push_back(run([&](std::size_t) { both.create(crowded); }));
  }
  auto limit_spread = "; limit " + spread(raw, "/s");
  return {
    {1, "durable creates, 64 in flight, 64 scopes", "/s",
     put_text(both) + ", 64 threads", median(many), median(raw), better::higher,
     target_of_many_scopes, spread(many, "/s") + limit_spread},
    {2, "durable creates, 64 in flight, 1 scope", "/s",
     "the same in 64 scopes (row 1)", median(one), median(many), better::higher,
     target_of_one_scope, spread(one, "/s")},
    {2, "durable creates, 64 in flight, 1 scope", "/s",
     put_text(both) + ", 64 threads", median(one), median(raw), better::higher,
     0, ""},
  };
}

row measure_latency(const options& with, contest& both) {
  constexpr double microseconds = 1e6;
  std::vector<double> ours;
  std::vector<double> raw;
  for (int i = 0; i < rounds; ++i) {
    progress("one create at a time, round " + std::to_string(i + 1));
    ours.push_back(median_latency(with.span, [&] { both.create(0); }).count()
                   * microseconds);
    raw.push_back(median_latency(with.span, [&] { both.put(0); }).count()
                  * microseconds);
  }
  return {3,
          "one durable create, nothing else, p50",
          "us",
          put_text(both) + ", p50",
          median(ours),
          median(raw),
          better::lower,
          target_of_latency,
          spread(ours, "us") + "; limit " + spread(raw, "us")};
}

} // namespace

std::vector<row> measure_creates(const options& with, const data_folder& in) {
  std::vector<row> rows;
  if (!with.wants(1) && !with.wants(2) && !with.wants(3))
    return rows;
  contest both{in};
  if (with.wants(1) || with.wants(2))
    for (auto& line : measure_throughput(with, both))
      if (with.wants(line.number))
        rows.push_back(std::move(line));
  if (with.wants(3))
    rows.push_back(measure_latency(with, both));
  return rows;
}

} // namespace cloister::bench
