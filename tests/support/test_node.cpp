// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "tests/support/test_node.hpp"

#include "engine/examiner.hpp"

#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "runtime/init.hpp"
#include "runtime/open_parts.hpp"

namespace cloister::test {

namespace {

constexpr const char* store_path = "/data";

} // namespace

test_node::test_node()
  : files(std::make_shared<simulated_file_system>()),
    time(std::make_shared<manual_clock>()),
    master_(crypto::secret_key::random()) {
  options.time = time;
  options.scheduler_threads = 2;
  options.loader_threads = 1;
  options.memory_budget_bytes = limits::node_memory_budget_bytes_default;
  options.content_cache_bytes = limits::scope_content_cache_bytes_max;
  options.idle_after = std::chrono::hours{24};
  auto directory
    = persistence::data_directory::create(files, store_path).value();
  auto recovery = crypto::secret_key::random();
  recovery_key = key_text("cloister_recovery_", recovery.view());
  persistence::create_node_store(directory, master_.duplicate(),
                                 crypto::recovery_public_key(recovery),
                                 time->now())
    .value();
}

test_node::test_node(const test_node& former,
                     std::shared_ptr<simulated_file_system> next)
  : files(std::move(next)),
    time(former.time),
    options(former.options),
    recovery_key(former.recovery_key),
    master_(former.master_.duplicate()) {}

test_node::test_node(const test_node& former)
  : test_node(former, former.files) {}

result<persistence::node_store> test_node::open_parts(bool read_damaged) {
  return open_parts_over(files, store_path, master_.duplicate(), read_damaged);
}

result<runtime> test_node::open() {
  auto parts = open_parts();
  if (parts.has_error())
    return parts.error();
  return make_runtime(std::move(*parts), options);
}

memory_draft draft(std::string content) {
  memory_draft out;
  out.content = std::move(content);
  return out;
}

const actors::gateway& gateway_of(const runtime& opened) {
  return *runtime_access::parts(opened).gateway;
}

std::uint32_t active_scopes(const runtime& opened) {
  return gateway_of(opened).usage().active_scopes.load();
}

bool has_finished_erasures(const runtime& opened) {
  const auto& with = gateway_of(opened).services();
  auto prefix
    = with.catalog.node().space().range(persistence::record_kind::erasure);
  bool none = true;
  auto done = with.records.scan(prefix, {}, [&](bytes_view, bytes_view) {
    none = false;
    return false;
  });
  return done && none;
}

std::string damages_of(const runtime& opened) {
  const auto& parts = runtime_access::parts(opened);
  auto found
    = engine::examine_store(parts.gateway->services(), *parts.store.slots);
  std::string out;
  for (const auto& each : found.damages)
    out += each.scope + ": " + each.what + "; ";
  if (found.orphaned_records > 0)
    out += std::to_string(found.orphaned_records) + " orphaned records; ";
  if (!found.half_slots.empty())
    out += "half slots; ";
  return out;
}

void open_again(test_node& node, std::optional<runtime>& opened) {
  opened.reset();
  auto did = eventually([&] {
    auto again = node.open();
    if (again)
      opened = std::move(*again);
    return again.has_value();
  });
  if (!did)
    throw std::runtime_error{"the store cannot be opened again"};
}

bool eventually(const std::function<bool()>& condition) {
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::yield();
  }
  return true;
}

bool long_mode() {
  auto value = std::getenv("CLOISTER_TEST_LONG");
  return value != nullptr && std::string_view{value} == "1";
}

std::uint64_t seed() {
  auto value = std::getenv("CLOISTER_TEST_SEED");
  return value == nullptr ? 20261123 : std::strtoull(value, nullptr, 10);
}

} // namespace cloister::test
