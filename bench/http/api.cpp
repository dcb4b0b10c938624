// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// The same operations through the C++ API, on the store that the server had.
//
//   cloister_bench_api DATA API_KEY USER_ID create|get|search IN_FLIGHT SECONDS
//
// Prints how many there were a second.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <iostream>
#include <mutex>

#include "runtime/runtime.hpp"

namespace {

using namespace cloister;
using steady = std::chrono::steady_clock;

/// Keeps so many calls in flight until the time is over.
class load {
public:
  using begin = std::function<void(std::function<void(bool)>)>;

  load(begin one, int in_flight, std::chrono::seconds time)
    : one_(std::move(one)), left_(in_flight), until_(steady::now() + time) {
    for (int i = 0; i < in_flight; ++i)
      next();
  }

  std::uint64_t wait() {
    std::unique_lock guard{mutex_};
    ended_.wait(guard, [this] { return left_ == 0; });
    return failed_ ? 0 : done_.load();
  }

private:
  void next() {
    if (steady::now() >= until_) {
      std::lock_guard guard{mutex_};
      --left_;
      ended_.notify_all();
      return;
    }
    one_([this](bool well) {
      failed_ = failed_ || !well;
      ++done_;
      next();
    });
  }

  begin one_;
  std::mutex mutex_;
  std::condition_variable ended_;
  int left_;
  steady::time_point until_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<bool> failed_{false};
};

load::begin operation(const client& bound, const std::string& kind) {
  if (kind == "create")
    return [bound](auto ended) {
      bound.create_memory(
        {.content = "Prefers dark mode and other things of the kind, daily"},
        [ended](const result<memory>& done) { ended(done.has_value()); });
    };
  if (kind == "search")
    return [bound](auto ended) {
      bound.search_memories({.query = "window seat on the train"},
                            [ended](const result<search_results>& done) {
                              ended(done.has_value());
                            });
    };
  auto id = bound.list_memories({.limit = 1})->results.at(0).memory.id;
  return [bound, id](auto ended) {
    bound.get_memory(
      id, [ended](const result<memory>& done) { ended(done.has_value()); });
  };
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 7)
    return EXIT_FAILURE;
  auto opened = runtime::open({.data_dir = argv[1], .create = false}).value();
  auto bound = opened.client(argv[2], argv[3]).value();
  std::chrono::seconds time{std::stoi(argv[6])};
  load running{operation(bound, argv[4]), std::stoi(argv[5]), time};
  std::cout << running.wait() / static_cast<std::uint64_t>(time.count())
            << '\n';
}
