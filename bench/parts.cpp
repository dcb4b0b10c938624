// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// The plain parts by themselves, with Google Benchmark: what a create or a
// search is made of. `build/dev/bin/cloister_bench_parts --help` has options.

#include <benchmark/benchmark.h>

#include "bench/text.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "persistence/crc32c.hpp"
#include "persistence/record_codec.hpp"
#include "search/analyzer.hpp"
#include "search/ranked_search.hpp"

namespace {

using namespace cloister;

constexpr std::size_t content_bytes = 300;
constexpr std::size_t text_count = 4096;

const std::vector<std::string>& texts() {
  static const auto made = [] {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < text_count; ++i)
      out.push_back(bench::prose(i, content_bytes));
    return out;
  }();
  return made;
}

void seal(benchmark::State& state) {
  auto key = crypto::secret_key::random();
  const auto& plain = texts().front();
  for (auto _ : state)
    benchmark::DoNotOptimize(crypto::seal(key, 1, "a storage key", plain));
}
BENCHMARK(seal);

void open_sealed(benchmark::State& state) {
  auto key = crypto::secret_key::random();
  auto sealed = crypto::seal(key, 1, "a storage key", texts().front());
  for (auto _ : state)
    benchmark::DoNotOptimize(crypto::open(key, "a storage key", sealed));
}
BENCHMARK(open_sealed);

void hash_of_a_record(benchmark::State& state) {
  auto key = crypto::secret_key::random();
  for (auto _ : state)
    benchmark::DoNotOptimize(
      crypto::keyed_hash(key, {"a storage key", "a tag of 16 byte"}));
}
BENCHMARK(hash_of_a_record);

void checksum_of_a_block(benchmark::State& state) {
  std::string block(4096, 'x');
  for (auto _ : state)
    benchmark::DoNotOptimize(persistence::crc32c(block));
}
BENCHMARK(checksum_of_a_block);

void encode_a_memory(benchmark::State& state) {
  memory value;
  value.content = texts().front();
  value.type = "fact";
  value.metadata = "{}";
  for (auto _ : state)
    benchmark::DoNotOptimize(persistence::encode_memory(value));
}
BENCHMARK(encode_a_memory);

void analyze_a_text(benchmark::State& state) {
  std::vector<std::string> terms;
  std::size_t next = 0;
  for (auto _ : state)
    search::analyze(texts()[next++ % text_count], language::english, terms);
}
BENCHMARK(analyze_a_text);

void index_a_text(benchmark::State& state) {
  search::inverted_index index{language::english};
  search::document next = 0;
  for (auto _ : state) {
    index.add(next, texts()[next % text_count]);
    ++next;
  }
}
BENCHMARK(index_a_text)->Iterations(100'000);

void search_ten_best(benchmark::State& state) {
  search::inverted_index index{language::english};
  for (search::document doc = 0; doc < state.range(0); ++doc)
    index.add(doc, texts()[doc % text_count]);
  const auto& text = texts()[7];
  auto wanted = search::parse_query(text.substr(0, text.find(' ', 30)),
                                    language::english);
  search::search_view view;
  view.judge = [](search::document) { return true; };
  view.order = [](search::document doc) { return doc; };
  view.must_yield = [](int) { return false; };
  for (auto _ : state) {
    search::ranked_search run{wanted, search::statistics_of(index, wanted), 10};
    run.step(index, view);
    benchmark::DoNotOptimize(run.best());
  }
}
BENCHMARK(search_ten_best)->Arg(100)->Arg(10'000)->Arg(100'000)->Arg(1'000'000);

} // namespace

BENCHMARK_MAIN();
