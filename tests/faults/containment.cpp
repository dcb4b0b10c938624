// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Looks at one scope while its neighbours, or the disk, misbehave, and prints
// what it felt of it. Times are printed and not judged: a machine may be busy.
// What is judged: every read of the healthy scope is answered rightly, its
// writes go on, memory stays bounded, and nobody waits for ever.
//
//   cloister_measure_containment [SECONDS]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "core/limits.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

namespace {

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition)
    return;
  ++failures;
  std::printf("FAILED: %s\n", what);
}

double microseconds(clock_type::duration span) {
  return std::chrono::duration<double, std::micro>(span).count();
}

struct latencies {
  std::vector<double> all;
  std::size_t errors = 0;

  double at(double part) {
    if (all.empty())
      return 0;
    std::sort(all.begin(), all.end());
    return all[static_cast<std::size_t>(part
                                        * static_cast<double>(all.size() - 1))];
  }
};

void print(const char* what, latencies seen) {
  std::printf(
    "  %-44s p50 %8.1f us   p99 %9.1f us   worst %9.1f us   %zu done, "
    "%zu refused\n",
    what, seen.at(0.5), seen.at(0.99), seen.at(1), seen.all.size(),
    seen.errors);
}

/// Does something again and again for a while; answers how long each took.
template <class Work>
latencies repeat(clock_type::duration span, Work work) {
  latencies out;
  auto until = clock_type::now() + span;
  while (clock_type::now() < until) {
    auto started = clock_type::now();
    out.errors += !work();
    out.all.push_back(microseconds(clock_type::now() - started));
  }
  return out;
}

/// Runs `work` in threads for as long as it lives.
class noise {
public:
  template <class Work>
  noise(int threads, Work work) {
    for (int t = 0; t < threads; ++t)
      threads_.emplace_back([this, work, t] {
        while (!stop_)
          work(t);
      });
  }
  ~noise() {
    stop_ = true;
    for (auto& each : threads_)
      each.join();
  }

private:
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

struct neighbours {
  test_node node;
  std::atomic<bool> failing{false};
  std::optional<runtime> opened;
  std::optional<organization> acme;
  std::optional<client> healthy;
  memory_id kept;

  neighbours() {
    node.options.time = system_clock();
    node.options.loader_threads = 2;
    node.options.before_operation
      = [this](const scope& where, auth::operation what) {
          if (failing && where.name() == "user_bad"
              && what == auth::operation::get_memory)
            throw std::runtime_error("a bug");
        };
    opened = node.open_or_fail();
    acme = opened->organization("org_acme").value();
    healthy = acme->client("user_healthy").value();
    kept = healthy->create_memory(draft("kept")).value().id;
  }

  bool read() const {
    auto found = healthy->get_memory(kept);
    return found && found->content == "kept";
  }
  bool write() const {
    return healthy->create_memory(draft("more")).has_value();
  }
};

void noisy_neighbours(clock_type::duration span) {
  std::printf("A healthy scope, gets from one thread\n");
  neighbours all;
  auto loud = all.acme->client("user_loud").value();
  std::vector<memory_draft> many;
  for (int i = 0; i < 1000; ++i)
    many.push_back(draft("common words again " + std::to_string(i)));
  for (int round = 0; round < 20; ++round)
    loud.create_memories(many).value();
  auto read = [&] { return all.read(); };
  auto alone = repeat(span, read);
  print("alone", alone);
  {
    noise searching{2, [&](int) {
                      search_options heavy;
                      heavy.query = "common words again common words again";
                      heavy.limit = 1000;
                      static_cast<void>(loud.search_memories(heavy));
                    }};
    auto seen = repeat(span, read);
    print("beside a scope that is searched at full speed", seen);
    expect(seen.errors == 0, "a read beside a busy scope was refused");
  }
  {
    noise writing{
      4, [&](int) { static_cast<void>(loud.create_memory(draft("x"))); }};
    auto seen = repeat(span, read);
    print("beside a scope that is written at full speed", seen);
    expect(seen.errors == 0, "a read beside a busy scope was refused");
  }
  {
    auto bad = all.acme->client("user_bad").value();
    auto id = bad.create_memory(draft("poison")).value().id;
    all.failing = true;
    noise crashing{2, [&](int) { static_cast<void>(bad.get_memory(id)); }};
    auto seen = repeat(span, read);
    print("beside a scope that throws on each get", seen);
    expect(seen.errors == 0, "a read beside a crashing scope was refused");
    expect(bad.get_memory(id).error().code == errc::quarantined
             || bad.get_memory(id).error().code == errc::unavailable,
           "a scope that throws was not set aside");
  }
}

void failing_disk(clock_type::duration span) {
  std::printf("A write of the store fails; reads and writes of a healthy "
              "scope meanwhile\n");
  neighbours all;
  std::vector<double> blackouts;
  latencies reads;
  std::atomic<bool> stop{false};
  std::thread reader{[&] {
    while (!stop) {
      auto started = clock_type::now();
      reads.errors += !all.read();
      reads.all.push_back(microseconds(clock_type::now() - started));
    }
  }};
  auto until = clock_type::now() + span;
  for (int round = 0; clock_type::now() < until; ++round) {
    all.node.files->plan(1, round % 2 == 0 ? fault::fail : fault::tear);
    auto started = clock_type::now();
    while (!all.write())
      if (clock_type::now() - started > 20s) {
        expect(false, "writes did not come back within 20 s");
        break;
      }
    blackouts.push_back(microseconds(clock_type::now() - started));
    std::this_thread::sleep_for(5ms);
  }
  stop = true;
  reader.join();
  print("reads", reads);
  print("from the failed write to the next good one", {blackouts, 0});
  expect(reads.errors == 0, "a read was refused because a write failed");
  expect(all.opened->verify_all()->intact, "a chain does not verify");
}

std::size_t resident_kib() {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stoul(line.substr(6));
  return 0;
}

void overload(clock_type::duration span) {
  constexpr int callers = limits::in_flight_per_scope_max + 300;
  std::printf("%d threads create in one scope at once\n", callers);
  neighbours all;
  auto crowded = all.acme->client("user_crowded").value();
  std::atomic<std::size_t> stored{0};
  std::atomic<std::size_t> refused{0};
  std::atomic<bool> wrong{false};
  std::size_t early = 0;
  std::size_t late = 0;
  {
    noise crowd{callers, [&](int) {
                  auto made = crowded.create_memory(draft("x"));
                  if (made) {
                    ++stored;
                    return;
                  }
                  ++refused;
                  if (made.error().code != errc::overloaded
                      || made.error().retry_after.count() <= 0)
                    wrong = true;
                  std::this_thread::sleep_for(made.error().retry_after);
                }};
    std::this_thread::sleep_for(span / 2);
    early = resident_kib();
    auto stored_early = stored.load();
    auto seen = repeat(span / 2, [&] { return all.read(); });
    print("reads of a healthy scope meanwhile", seen);
    expect(seen.errors == 0, "a read was refused because of another scope");
    late = resident_kib();
    auto grown = late > early ? late - early : 0;
    auto each
      = static_cast<double>(grown) * 1024
        / static_cast<double>(std::max<std::size_t>(stored - stored_early, 1));
    std::printf("  %zu stored, %zu told to come back; memory grew by %zu KiB, "
                "%.0f bytes for each memory stored\n",
                stored.load(), refused.load(), grown, each);
  }
  expect(stored > 0, "nothing was stored under overload");
  expect(refused > 0, "nobody was refused under overload");
  expect(!wrong, "a refusal was not `overloaded` with a hint when to retry");
}

} // namespace

int main(int argc, char** argv) {
  auto seconds = argc > 1 ? std::stod(argv[1]) : 0.5;
  auto span = std::chrono::duration_cast<clock_type::duration>(
    std::chrono::duration<double>{seconds});
  noisy_neighbours(span);
  failing_disk(span);
  overload(span * 2);
  return failures == 0 ? 0 : 1;
}
