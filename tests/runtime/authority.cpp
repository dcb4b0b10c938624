// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

std::uint64_t store_writes(const runtime& opened) {
  return gateway_of(opened).services().records.counters().writes;
}

std::uint64_t store_reads(const runtime& opened) {
  return gateway_of(opened).services().records.counters().reads;
}

} // namespace

TEST_CASE("a refused operation touches nothing but the audit trail",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto id = acme.client("user_a")->create_memory(draft("x"))->id;
  auto reader
    = acme.create_key({.root = "user_a", .permissions = permissions::read})
        .value();
  auto holder = runtime.client(reader.api_key).value();
  // Everything that was on its way comes home first.
  acme.client()->verify_audit().value();
  auto reads = store_reads(runtime);
  auto writes = store_writes(runtime);
  CHECK(holder.create_memory(draft("y")).error().code == errc::forbidden);
  CHECK(holder.delete_memory(id).error().code == errc::forbidden);
  CHECK(holder.delete_all_memories().error().code == errc::forbidden);
  CHECK(store_reads(runtime) == reads);
  CHECK(store_writes(runtime) <= writes + 1);
  audit_options refused;
  refused.outcome = "forbidden";
  auto trail = acme.client()->list_audit(refused)->results;
  REQUIRE(trail.size() == 3);
  CHECK(trail[0].operation == "memory.delete-all");
  CHECK(acme.client("user_a")->list_memories()->results.size() == 1);
}

TEST_CASE("malformed requests are refused and write nothing", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  auto a = acme.client("user_a").value();
  a.create_memory(draft("x")).value();
  acme.client()->verify_audit().value();
  auto writes = store_writes(runtime);
  CHECK(a.create_memory(draft(std::string(70'000, 'x'))).error().code
        == errc::too_large);
  CHECK(a.create_memory(draft("\xff")).error().code == errc::invalid_argument);
  CHECK(a.search_memories({.query = "\xff"}).error().code
        == errc::invalid_argument);
  CHECK(a.search_memories({.query = std::string(70'000, 'x')}).error().code
        == errc::too_large);
  CHECK(a.search_memories({.query = "x", .limit = 0}).error().code
        == errc::invalid_argument);
  CHECK(acme.client("user_a/user_b").error().code == errc::invalid_argument);
  CHECK(runtime.organization("acme").error().code == errc::invalid_argument);
  CHECK(runtime.organization("org_a/user_b").error().code
        == errc::invalid_argument);
  CHECK(store_writes(runtime) == writes);
}
