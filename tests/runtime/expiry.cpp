// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

memory_draft expiring(const test_node& node, std::string content,
                      std::chrono::milliseconds after) {
  auto out = draft(std::move(content));
  out.expires_at = node.time->now() + after;
  return out;
}

/// How many records of one kind the store has.
std::size_t records_of(const runtime& opened, persistence::record_kind kind) {
  std::size_t count = 0;
  gateway_of(opened)
    .services()
    .records
    .scan({}, {},
          [&](bytes_view key, bytes_view) {
            count
              += key[persistence::key_prefix_bytes] == static_cast<char>(kind);
            return true;
          })
    .value();
  return count;
}

std::size_t stored_memories(const runtime& opened) {
  return records_of(opened, persistence::record_kind::memory);
}

std::size_t expiry_entries(const runtime& opened) {
  return records_of(opened, persistence::record_kind::expiry);
}

} // namespace

TEST_CASE("an expired memory is gone at that instant", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  auto wanted = expiring(node, "soon gone", 1min);
  wanted.key = "k";
  auto id = a.create_memory(wanted)->id;
  node.time->advance(1min - 1ms);
  CHECK(a.get_memory(id).has_value());
  node.time->advance(1ms);
  CHECK(a.get_memory(id).error().code == errc::not_found);
  CHECK(a.list_memories()->results.empty());
  CHECK(a.search_memories({.query = "soon"})->results.empty());
  memory_patch patch;
  patch.content = "back";
  CHECK(a.update_memory(id, patch).error().code == errc::not_found);
  auto again = draft("another");
  again.key = "k";
  CHECK(a.create_memory(again)->revision == 1);
}

TEST_CASE("expired memories leave the store, those of dormant scopes too",
          "[runtime]") {
  test_node node;
  {
    auto runtime = node.open_or_fail();
    auto acme = runtime.organization("org_acme").value();
    for (int i = 0; i < 5; ++i) {
      auto who = acme.client("user_" + std::to_string(i)).value();
      who.create_memory(expiring(node, "goes", 3h)).value();
      who.create_memory(expiring(node, "goes later", 72h)).value();
      who.create_memory(draft("stays")).value();
    }
  }
  node.time->advance(5h);
  auto runtime = node.open_or_fail();
  CHECK(stored_memories(runtime) == 15);
  runtime.sweep();
  CHECK(eventually([&] { return stored_memories(runtime) == 10; }));
  auto acme = runtime.organization("org_acme").value();
  CHECK(acme.client("user_3")->list_memories()->results.size() == 2);
  audit_options expired;
  expired.operation = "memory.expire";
  CHECK(acme.client("user_3")->list_audit(expired)->results.size() == 1);
  node.time->advance(100h);
  CHECK(eventually([&] {
    runtime.sweep();
    return stored_memories(runtime) == 5;
  }));
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("a memory that was changed expires once, whatever its entries say",
          "[runtime]") {
  test_node node;
  {
    auto runtime = node.open_or_fail();
    auto a = runtime.organization("org_acme")->client("user_a").value();
    auto id = a.create_memory(expiring(node, "first", 10min))->id;
    memory_patch patch;
    for (auto content : {"second", "third"}) {
      patch.content = content;
      CHECK(a.update_memory(id, patch).has_value());
    }
    CHECK(a.create_memory(draft("stays")).has_value());
    node.time->advance(2h);
    runtime.sweep();
    CHECK(eventually([&] { return stored_memories(runtime) == 1; }));
    CHECK(a.show_scope()->memories == 1);
  }
  // What the head says of the records is checked when the scope is read.
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  auto left = a.list_memories();
  INFO((left ? std::string{} : left.error().detail));
  REQUIRE(left.has_value());
  CHECK(left->results.size() == 1);
}

TEST_CASE("many that expire together leave in parts, and all of them",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto acme = runtime.organization("org_acme").value();
  constexpr int scopes = 20;
  constexpr int each = 300;
  for (int u = 0; u < scopes; ++u) {
    std::vector<memory_draft> many;
    for (int i = 0; i < (u == 0 ? each : 3); ++i)
      many.push_back(expiring(node, "m" + std::to_string(i), 10min));
    acme.client("user_" + std::to_string(u))->create_memories(many).value();
  }
  node.time->advance(20min);
  CHECK(eventually([&] {
    runtime.sweep();
    return stored_memories(runtime) == 0;
  }));
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("what will not expire any more leaves no trace in the expiry index",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  auto first = a.create_memory(expiring(node, "first", 60min))->id;
  auto second = a.create_memory(expiring(node, "second", 90min))->id;
  CHECK(a.create_memory(expiring(node, "third", 90min)).has_value());
  memory_patch patch;
  patch.content = "changed";
  for (int i = 0; i < 5; ++i)
    CHECK(a.update_memory(first, patch).has_value());
  CHECK(expiry_entries(runtime) == 3);
  patch.expires_at = node.time->now() + 3h;
  CHECK(a.update_memory(first, patch).has_value());
  CHECK(expiry_entries(runtime) == 3);
  patch.expires_at = std::optional<timestamp>{};
  CHECK(a.update_memory(first, patch).has_value());
  CHECK(expiry_entries(runtime) == 2);
  CHECK(a.delete_memory(second).has_value());
  // And when the key of what was removed is due.
  CHECK(expiry_entries(runtime) == 2);
  CHECK(a.delete_all_memories().value() == 2);
  CHECK(expiry_entries(runtime) == 0);
}

TEST_CASE("a clock that was ahead once does not keep expired memories stored",
          "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  CHECK(a.create_memory(expiring(node, "x", 60min)).has_value());
  node.time->advance(24h * 300);
  CHECK(eventually([&] {
    runtime.sweep();
    return stored_memories(runtime) == 0;
  }));
  node.time->advance(-24h * 300);
  CHECK(a.create_memory(expiring(node, "y", 60min)).has_value());
  node.time->advance(2h);
  CHECK(eventually([&] {
    runtime.sweep();
    return stored_memories(runtime) == 0;
  }));
}

TEST_CASE("an expiry in the past is refused", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto a = runtime.organization("org_acme")->client("user_a").value();
  CHECK(a.create_memory(expiring(node, "x", 0ms)).error().code
        == errc::invalid_argument);
  auto id = a.create_memory(draft("x"))->id;
  memory_patch patch;
  patch.expires_at = node.time->now();
  CHECK(a.update_memory(id, patch).error().code == errc::invalid_argument);
}
