// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/house.hpp"
#include "bench/measure.hpp"
#include "bench/raw_actor.hpp"
#include "bench/rows.hpp"
#include "bench/text.hpp"

namespace cloister::bench {

namespace {

constexpr std::size_t memory_count = 1000;
constexpr std::size_t content_bytes = 300;
constexpr double target = 0.5;

std::vector<memory_id> fill(const client& user) {
  std::vector<memory_draft> drafts(memory_count);
  for (std::size_t i = 0; i < memory_count; ++i)
    drafts[i].content = prose(i, content_bytes);
  std::vector<memory_id> ids;
  for (const auto& made : user.create_memories(std::move(drafts)).value())
    ids.push_back(made.id);
  return ids;
}

} // namespace

std::vector<row> measure_reads(const options& with, const data_folder& in) {
  constexpr int number = 4;
  if (!with.wants(number))
    return {};
  house ours{in / "reads"};
  auto user = ours.user(0);
  auto ids = fill(user);
  raw_actor bare;
  std::vector<double> gets;
  std::vector<double> asks;
  std::size_t next = 0;
  for (int i = 0; i < rounds; ++i) {
    progress("gets, round " + std::to_string(i + 1));
    gets.push_back(throughput(1, with.span, [&](std::size_t) {
      user.get_memory(ids[next++ % ids.size()]).value();
    }));
    asks.push_back(throughput(1, with.span, [&](std::size_t) { bare.ask(); }));
  }
  return {{number, "gets by id, cached, from one plain thread", "/s",
           "a bare CAF actor, request and reply", median(gets), median(asks),
           better::higher, target,
           spread(gets, "/s") + "; limit " + spread(asks, "/s")}};
}

} // namespace cloister::bench
