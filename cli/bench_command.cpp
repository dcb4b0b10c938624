// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <filesystem>
#include <iostream>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <unistd.h>

#include "cli/busy_sign.hpp"
#include "cli/context.hpp"
#include "cli/retrieval_data.hpp"

namespace cloister::cli {

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using std::chrono::steady_clock;

constexpr std::size_t batch_memories = 500;
constexpr std::size_t batch_bytes = limits::batch_bytes_max / 2;

/// A folder that is gone afterwards.
class scratch_folder {
public:
  explicit scratch_folder(const std::string& below)
    : path_(below + "/cloister-bench-" + std::to_string(::getpid())) {}
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  ~scratch_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  const std::string& path() const {
    return path_;
  }

private:
  std::string path_;
};

struct measured {
  double ndcg_at_10 = 0;
  double recall_at_10 = 0;
  double recall_at_100 = 0;
  double average_precision = 0;
  std::size_t queries = 0;
  std::size_t documents = 0;
  std::size_t tenants = 0;
  std::size_t judged_missing = 0;
  /// Of the ten best, in milliseconds.
  std::vector<double> times;

  double mean(double sum) const {
    return queries == 0 ? 0 : sum / static_cast<double>(queries);
  }
  /// The time that this part of the searches took at most.
  double percentile(double part) {
    if (times.empty())
      return 0;
    std::sort(times.begin(), times.end());
    auto at
      = static_cast<std::size_t>(static_cast<double>(times.size()) * part);
    return times[std::min(at, times.size() - 1)];
  }
};

result<void> store(const client& into, std::vector<memory_draft> documents) {
  std::vector<memory_draft> batch;
  std::size_t size = 0;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    size += documents[i].content.size() + documents[i].metadata.size();
    batch.push_back(std::move(documents[i]));
    auto last = i + 1 == documents.size();
    if (!last && batch.size() < batch_memories && size < batch_bytes)
      continue;
    auto made = into.create_memories(std::exchange(batch, {}));
    if (made.has_error())
      return made.error();
    size = 0;
  }
  return {};
}

result<std::vector<std::string>>
ranking(const client& in, const judged_query& asked, std::size_t limit) {
  search_options options;
  options.query = asked.text;
  options.limit = limit;
  auto found = in.search_memories(options);
  if (found.has_error())
    return found.error();
  std::vector<std::string> out;
  for (const auto& hit : found->results)
    out.push_back(hit.memory.key.value_or(""));
  return out;
}

/// How long a search for the ten best takes.
result<void> measure_time(const client& in, const judged_query& asked,
                          measured& into) {
  search_options options;
  options.query = asked.text;
  auto started = steady_clock::now();
  auto found = in.search_memories(std::move(options));
  std::chrono::duration<double, std::milli> took
    = steady_clock::now() - started;
  if (found.has_error())
    return found.error();
  into.times.push_back(took.count());
  return {};
}

/// Each depth is asked for as a user would: a longer list is another search.
result<void> measure_quality(const client& in, const judged_query& asked,
                             measured& into) {
  constexpr std::size_t ten = 10;
  constexpr std::size_t hundred = 100;
  auto short_list = ranking(in, asked, ten);
  if (short_list.has_error())
    return short_list.error();
  auto long_list = ranking(in, asked, hundred);
  auto longest = ranking(in, asked, limits::page_results_max);
  if (long_list.has_error())
    return long_list.error();
  if (longest.has_error())
    return longest.error();
  into.ndcg_at_10 += ndcg(*short_list, asked, ten);
  into.recall_at_10 += recall(*short_list, asked, ten);
  into.recall_at_100 += recall(*long_list, asked, hundred);
  into.average_precision += average_precision(*longest, asked);
  ++into.queries;
  return {};
}

result<measured> measure_folder(const std::string& folder,
                                const std::string& work_dir) {
  auto tenants = read_judged_folder(folder);
  if (tenants.has_error())
    return tenants.error();
  if (!fs::is_directory(work_dir))
    return error{errc::not_found, "there is no folder " + work_dir
                                    + "; make it, or give another --work-dir"};
  scratch_folder scratch{work_dir};
  auto opened
    = runtime::open({.data_dir = scratch.path() + "/data",
                     .master_key_file = scratch.path() + "/master.key",
                     .allow_personal_ids = true});
  if (opened.has_error())
    return opened.error();
  measured out;
  std::vector<std::pair<client, const judged_tenant*>> clients;
  for (auto& [name, tenant] : *tenants) {
    // A tenant's name need not be one of ours.
    auto org = opened->organization("org_" + std::to_string(++out.tenants));
    auto bound = org ? org->client() : result<client>{org.error()};
    if (bound.has_error())
      return bound.error();
    out.documents += tenant.documents.size();
    out.judged_missing += tenant.judged_missing;
    if (auto done = store(*bound, std::move(tenant.documents));
        done.has_error())
      return done.error();
    clients.emplace_back(std::move(*bound), &tenant);
  }
  for (auto measure : {measure_quality, measure_time})
    for (const auto& [bound, tenant] : clients)
      for (const auto& asked : tenant->queries)
        if (auto done = measure(bound, asked, out); done.has_error())
          return done.error();
  return out;
}

std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

exit_code run_retrieval(context& shared, const std::string& folder,
                        const std::string& work_dir) {
  auto done = [&] {
    busy_sign busy{"measuring", shared.style.quiet};
    return measure_folder(folder, work_dir);
  }();
  if (done.has_error())
    return fail(done.error());
  double total = 0;
  for (auto each : done->times)
    total += each;
  constexpr double milliseconds = 1000;
  auto per_second
    = total > 0 ? static_cast<double>(done->queries) * milliseconds / total : 0;
  constexpr double half = 0.5;
  constexpr double nearly_all = 0.99;
  auto p50 = done->percentile(half);
  auto p99 = done->percentile(nearly_all);
  if (shared.style.json)
    print_json(json::object{{"ndcg_at_10", done->mean(done->ndcg_at_10)},
                            {"recall_at_10", done->mean(done->recall_at_10)},
                            {"recall_at_100", done->mean(done->recall_at_100)},
                            {"map", done->mean(done->average_precision)},
                            {"queries", done->queries},
                            {"queries_per_second", per_second},
                            {"p50_ms", p50},
                            {"p99_ms", p99},
                            {"documents", done->documents},
                            {"judged_missing", done->judged_missing},
                            {"tenants", done->tenants}});
  else
    print_fields({{"nDCG@10", rounded(done->mean(done->ndcg_at_10))},
                  {"recall@10", rounded(done->mean(done->recall_at_10))},
                  {"recall@100", rounded(done->mean(done->recall_at_100))},
                  {"MAP", rounded(done->mean(done->average_precision))},
                  {"queries", std::to_string(done->queries)},
                  {"documents", std::to_string(done->documents)},
                  {"judged, but missing", std::to_string(done->judged_missing)},
                  {"tenants", std::to_string(done->tenants)},
                  {"queries a second",
                   std::to_string(static_cast<std::uint64_t>(per_second))},
                  {"p50", rounded(p50) + " ms"},
                  {"p99", rounded(p99) + " ms"}});
  return exit_code::done;
}

} // namespace

void add_bench_command(CLI::App& app, context& shared) {
  auto bench = app.add_subcommand("bench", "Measure how well and how fast "
                                           "memories are found");
  bench->require_subcommand(1);
  auto command = bench->add_subcommand(
    "retrieval", "Ranking quality and speed on a collection with judged "
                 "queries");
  command->footer(
    "The folder has docs.jsonl {\"id\", \"text\", \"tenant\"?}, queries.jsonl "
    "{\"id\", \"text\",\n\"tenant\"?} and qrels.tsv (query, document, "
    "relevance). Each tenant becomes an\norganization of a store that is made "
    "for the measurement and deleted.\n"
    "Example:\n  cloister bench retrieval --data cranfield");
  auto folder = std::make_shared<std::string>();
  auto work = std::make_shared<std::string>(fs::temp_directory_path().string());
  // Named like the store's option, and meant instead of it.
  command->add_option("--data,folder", *folder, "The collection's folder")
    ->required();
  command->add_option("--work-dir", *work, "Where to make the store")
    ->capture_default_str();
  command->callback([&shared, folder, work] {
    shared.run
      = [folder, work](context& c) { return run_retrieval(c, *folder, *work); };
  });
}

} // namespace cloister::cli
