// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "server/request_metrics.hpp"

#include <algorithm>
#include <cstdio>

namespace cloister::server {

namespace {

std::string seconds_text(std::uint64_t microseconds) {
  std::array<char, 32> text{};
  auto size
    = std::snprintf(text.data(), text.size(), "%llu.%06llu",
                    static_cast<unsigned long long>(microseconds / 1'000'000),
                    static_cast<unsigned long long>(microseconds % 1'000'000));
  return {text.data(), static_cast<std::size_t>(size)};
}

void add_head(std::string& out, std::string_view name, std::string_view kind,
              std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(kind).append("\n");
}

void add_value(std::string& out, std::string_view name, std::int64_t value) {
  out.append(name).append(" ").append(std::to_string(value)).append("\n");
}

} // namespace

void request_metrics::count(std::string_view operation,
                            std::string_view outcome,
                            std::chrono::microseconds took) {
  auto at = std::lower_bound(bounds.begin(), bounds.end(), took.count());
  std::lock_guard guard{mutex_};
  ++outcomes_[{std::string{operation}, std::string{outcome}}];
  auto found = latencies_.find(operation);
  if (found == latencies_.end())
    found = latencies_.emplace(std::string{operation}, histogram{}).first;
  ++found->second.buckets[static_cast<std::size_t>(at - bounds.begin())];
  found->second.microseconds += static_cast<std::uint64_t>(took.count());
  ++found->second.number;
}

namespace {

/// Bounds are in millionths of the unit where `is_time`.
void add_histogram(std::string& out, std::string_view name,
                   std::string_view help, const measured_histogram& values,
                   bool is_time) {
  auto number = [&](std::uint64_t value) {
    return is_time ? seconds_text(value) : std::to_string(value);
  };
  std::string prefix{name};
  add_head(out, name, "histogram", help);
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < values.counts.size(); ++i) {
    sum += values.counts[i];
    auto bound = i < values.bounds.size() ? number(values.bounds[i])
                                          : std::string{"+Inf"};
    out
      += prefix + "_bucket{le=\"" + bound + "\"} " + std::to_string(sum) + "\n";
  }
  out += prefix + "_sum " + number(values.sum) + "\n";
  out += prefix + "_count " + std::to_string(sum) + "\n";
}

struct store_metric {
  std::string_view name;
  std::string_view kind;
  std::string_view help;
  std::uint64_t runtime_statistics::*of;
};

constexpr std::array<store_metric, 10> store_metrics{{
  {"cloister_scopes_active", "gauge", "Scopes whose actors are awake.",
   &runtime_statistics::active_scopes},
  {"cloister_sessions_open", "gauge", "Sessions that are open.",
   &runtime_statistics::open_sessions},
  {"cloister_requests_in_flight", "gauge",
   "Requests that scopes have not answered yet.",
   &runtime_statistics::requests_in_flight},
  {"cloister_memory_bytes", "gauge", "Bytes that scopes and sessions hold.",
   &runtime_statistics::memory_bytes},
  {"cloister_commits_waiting", "gauge", "Changes that wait for the writer.",
   &runtime_statistics::commits_waiting},
  {"cloister_audit_entries_waiting", "gauge",
   "Entries that are not in their audit chains yet.",
   &runtime_statistics::audit_entries_waiting},
  {"cloister_memories_expired_total", "counter",
   "Memories that were removed because they were due.",
   &runtime_statistics::memories_expired},
  {"cloister_data_keys_replaced_total", "counter",
   "Data keys that were destroyed and replaced, so that what was deleted is "
   "gone from the disk.",
   &runtime_statistics::data_keys_replaced},
  {"cloister_scopes_erased_total", "counter", "Scopes that were erased.",
   &runtime_statistics::scopes_erased},
  {"cloister_sessions_ended_total", "counter",
   "Sessions that have ended, with their memories.",
   &runtime_statistics::sessions_ended},
}};

void add_store(std::string& out, const runtime_statistics& store) {
  for (const auto& each : store_metrics) {
    add_head(out, each.name, each.kind, each.help);
    out.append(each.name)
      .append(" ")
      .append(std::to_string(store.*each.of))
      .append("\n");
  }
  if (store.dormant_scopes) {
    add_head(out, "cloister_scopes_dormant", "gauge",
             "Scopes on disk whose actors are asleep.");
    out += "cloister_scopes_dormant " + std::to_string(*store.dormant_scopes)
           + "\n";
  }
  if (store.commit_changes.counts.empty())
    return;
  add_histogram(out, "cloister_commit_changes",
                "Changes that one synced write made durable.",
                store.commit_changes, false);
  add_histogram(out, "cloister_commit_duration_seconds",
                "How long a synced write took, its fsync included.",
                store.commit_microseconds, true);
}

} // namespace

std::string request_metrics::text(const runtime_statistics& store) const {
  std::string out;
  add_store(out, store);
  add_head(out, "cloister_http_connections", "gauge", "Open connections.");
  add_value(out, "cloister_http_connections", connections);
  add_head(out, "cloister_http_requests_in_flight", "gauge",
           "Requests that are not answered yet.");
  add_value(out, "cloister_http_requests_in_flight", in_flight);
  add_head(out, "cloister_http_connections_refused_total", "counter",
           "Connections beyond the limit.");
  add_value(out, "cloister_http_connections_refused_total",
            static_cast<std::int64_t>(refused_connections.load()));
  std::lock_guard guard{mutex_};
  add_head(out, "cloister_operations_total", "counter",
           "Requests by operation and outcome.");
  for (const auto& [names, number] : outcomes_)
    out.append("cloister_operations_total{operation=\"")
      .append(names.first)
      .append("\",outcome=\"")
      .append(names.second)
      .append("\"} ")
      .append(std::to_string(number))
      .append("\n");
  add_head(out, "cloister_operation_duration_seconds", "histogram",
           "How long requests took, by operation.");
  for (const auto& [operation, values] : latencies_) {
    auto label = "operation=\"" + operation + "\"";
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < values.buckets.size(); ++i) {
      sum += values.buckets[i];
      auto bound = i < bounds.size()
                     ? seconds_text(static_cast<std::uint64_t>(bounds[i]))
                     : std::string{"+Inf"};
      out += "cloister_operation_duration_seconds_bucket{" + label + ",le=\""
             + bound + "\"} " + std::to_string(sum) + "\n";
    }
    out += "cloister_operation_duration_seconds_sum{" + label + "} "
           + seconds_text(values.microseconds) + "\n";
    out += "cloister_operation_duration_seconds_count{" + label + "} "
           + std::to_string(values.number) + "\n";
  }
  return out;
}

} // namespace cloister::server
