// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Gets a second, by themselves in a process: `DIR THREADS MILLISECONDS`, and
// the number on standard output. Row 15 runs it in turns with a twin in which
// gets are not audited; see unaudited.cpp.

#include <iostream>

#include "bench/house.hpp"
#include "bench/measure.hpp"
#include "bench/text.hpp"
#include "bench/unaudited.hpp"

namespace {

using namespace cloister;
using namespace cloister::bench;

constexpr std::size_t memory_count = 100;
constexpr std::size_t content_bytes = 300;

struct reader {
  client user;
  std::vector<memory_id> ids;
  std::size_t next = 0;
};

reader make_reader(const house& in, std::size_t number) {
  reader out{in.user(number), {}};
  std::vector<memory_draft> drafts(memory_count);
  for (std::size_t i = 0; i < memory_count; ++i)
    drafts[i].content = prose(i, content_bytes);
  for (const auto& made : out.user.create_memories(std::move(drafts)).value())
    out.ids.push_back(made.id);
  return out;
}

/// A twin that does not do what its name says must not be believed.
void expect_entries(const client& user) {
  auto found = user.list_audit({.operation = "memory.get"}).value();
  if (found.results.empty() != gets_are_unaudited)
    throw std::runtime_error{"gets are audited where they should not be, or "
                             "the other way round"};
}

double measure(const std::string& dir, std::size_t threads, seconds span) {
  house ours{dir};
  std::vector<reader> readers;
  for (std::size_t i = 0; i < threads; ++i)
    readers.push_back(make_reader(ours, i));
  auto get = [&](std::size_t thread) {
    auto& mine = readers[thread];
    mine.user.get_memory(mine.ids[mine.next++ % memory_count]).value();
  };
  for_each(threads, threads, get);
  auto rate = throughput(threads, span, get);
  expect_entries(readers.front().user);
  return rate;
}

} // namespace

int main(int argc, char** argv) {
  constexpr double milliseconds = 1000;
  try {
    if (argc != 4)
      throw std::runtime_error{"give a folder, threads and milliseconds"};
    auto rate = measure(argv[1], std::stoul(argv[2]),
                        seconds{std::stod(argv[3]) / milliseconds});
    std::cout << rate << std::endl;
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << "cloister_bench_gets: " << failure.what() << '\n';
    return 1;
  }
}
