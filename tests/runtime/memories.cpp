// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> contents(const client& who) {
  std::vector<std::string> out;
  for (const auto& each : who.list_memories().value().results)
    out.push_back(each.memory.content);
  return out;
}

} // namespace

TEST_CASE("a memory is there after a restart, found and unchanged",
          "[runtime]") {
  test_node node;
  memory made;
  {
    auto runtime = node.open_or_fail();
    auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
    auto wanted = draft("Prefers dark mode");
    wanted.memory_type = "preference";
    wanted.metadata = R"({"a":1})";
    made = sarah.create_memory(wanted).value();
  }
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  CHECK(sarah.get_memory(made.id).value() == made);
  auto hits = sarah.search_memories({.query = "preference dark"})->results;
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].memory == made);
  CHECK(hits[0].score > 0);
  CHECK(hits[0].score <= 1);
  CHECK(runtime.verify_all()->intact);
}

TEST_CASE("an update keeps the history and deleting deletes it", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  auto id = sarah.create_memory(draft("one"))->id;
  memory_patch patch;
  patch.content = "two";
  CHECK(sarah.update_memory(id, patch)->revision == 2);
  patch.content = "three";
  CHECK(sarah.update_memory(id, patch, 1).error().code == errc::conflict);
  CHECK(sarah.update_memory(id, patch, 2)->revision == 3);
  auto history = sarah.memory_history(id).value();
  REQUIRE(history.size() == 3);
  CHECK(history[0].content == "three");
  CHECK(history[2].content == "one");
  CHECK(sarah.restore_memory(id, 1)->content == "one");
  CHECK(sarah.restore_memory(id, 1)->revision == 5);
  CHECK(sarah.restore_memory(id, 9).error().code == errc::not_found);
  CHECK(sarah.search_memories({.query = "three"})->results.empty());
  CHECK(sarah.search_memories({.query = "one"})->results.size() == 1);
  CHECK(sarah.delete_memory(id).has_value());
  CHECK(sarah.memory_history(id).error().code == errc::not_found);
  CHECK(sarah.get_memory(id).error().code == errc::not_found);
  CHECK(sarah.delete_memory(id).error().code == errc::not_found);
}

TEST_CASE("old revisions beyond the bound go", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  auto id = sarah.create_memory(draft("0"))->id;
  for (std::size_t i = 1; i <= limits::revisions_kept_max + 5; ++i) {
    memory_patch patch;
    patch.content = std::to_string(i);
    sarah.update_memory(id, patch).value();
  }
  auto history = sarah.memory_history(id).value();
  CHECK(history.size() == limits::revisions_kept_max + 1);
  CHECK(history.back().content == "5");
}

TEST_CASE("a key makes a create an upsert", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  auto first = draft("green");
  first.key = "tea";
  auto made = sarah.create_memory(first).value();
  auto second = draft("black");
  second.key = "tea";
  auto changed = sarah.create_memory(second).value();
  CHECK(changed.id == made.id);
  CHECK(changed.revision == 2);
  auto batch = sarah.create_memories({first, second, draft("free")}).value();
  CHECK(batch[1].revision == 4);
  CHECK(contents(sarah) == std::vector<std::string>{"free", "black"});
  sarah.delete_memory(made.id).value();
  CHECK(sarah.create_memory(first)->revision == 1);
}

TEST_CASE("a repeated request stores nothing twice", "[runtime]") {
  test_node node;
  auto wanted = draft("once");
  wanted.idempotency_key = "request 1";
  memory_id id;
  {
    auto runtime = node.open_or_fail();
    auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
    id = sarah.create_memory(wanted)->id;
    CHECK(sarah.create_memory(wanted)->id == id);
  }
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  CHECK(sarah.create_memory(wanted)->id == id);
  auto other = wanted;
  other.content = "something else";
  CHECK(sarah.create_memory(other).error().code == errc::conflict);
  node.time->advance(25h);
  CHECK(sarah.create_memory(other)->id != id);
  CHECK(contents(sarah).size() == 2);
  wanted.idempotency_key = "request 2";
  CHECK(sarah.create_memories({wanted, wanted}).error().code
        == errc::invalid_argument);
}

TEST_CASE("records of requests are counted right, however they are replaced",
          "[runtime]") {
  test_node node;
  auto wanted = draft("once");
  wanted.idempotency_key = "request";
  {
    auto runtime = node.open_or_fail();
    auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
    sarah.create_memory(wanted).value();
    for (int i = 0; i < 3; ++i) {
      node.time->advance(25h);
      wanted.content += '.';
      sarah.create_memory(wanted).value();
    }
    sarah.delete_all_memories().value();
    sarah.create_memory(wanted).value();
  }
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  CHECK(contents(sarah).size() == 1);
}

TEST_CASE("a batch is stored whole or not at all", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  CHECK(sarah.create_memories({draft("a"), draft("")}).error().code
        == errc::invalid_argument);
  CHECK(contents(sarah).empty());
  CHECK(sarah.create_memories({}).error().code == errc::invalid_argument);
  CHECK(sarah.create_memories({draft("a"), draft("b")})->size() == 2);
}

TEST_CASE("lists are paged, newest first, while others write", "[runtime]") {
  test_node node;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  for (int i = 0; i < 25; ++i)
    sarah.create_memory(draft(std::to_string(i))).value();
  std::vector<std::string> seen;
  std::optional<std::string> cursor;
  do {
    list_options options;
    options.limit = 7;
    options.cursor = cursor;
    auto page = sarah.list_memories(options).value();
    for (const auto& each : page.results)
      seen.push_back(each.memory.content);
    cursor = page.cursor;
    sarah.create_memory(draft("late")).value();
  } while (cursor);
  REQUIRE(seen.size() == 25);
  CHECK(seen.front() == "24");
  CHECK(seen.back() == "0");
  list_options wrong;
  wrong.cursor = "nonsense";
  CHECK(sarah.list_memories(wrong).error().code == errc::invalid_argument);
  wrong.cursor.reset();
  wrong.limit = 1001;
  CHECK(sarah.list_memories(wrong).error().code == errc::invalid_argument);
}

TEST_CASE("deleting all leaves nothing, after a restart too", "[runtime]") {
  test_node node;
  {
    auto runtime = node.open_or_fail();
    auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
    CHECK(sarah.delete_all_memories().value() == 0);
    for (int i = 0; i < 10; ++i)
      sarah.create_memory(draft("memory " + std::to_string(i))).value();
    CHECK(sarah.delete_all_memories().value() == 10);
    CHECK(contents(sarah).empty());
    sarah.create_memory(draft("new")).value();
  }
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  CHECK(contents(sarah) == std::vector<std::string>{"new"});
  CHECK(sarah.search_memories({.query = "memory"})->results.empty());
}

TEST_CASE("records that do not fit the cache are read again", "[runtime]") {
  test_node node;
  node.options.content_cache_bytes = 2000;
  auto runtime = node.open_or_fail();
  auto sarah = runtime.organization("org_acme")->client("user_sarah").value();
  std::vector<memory> made;
  for (int i = 0; i < 30; ++i)
    made.push_back(sarah
                     .create_memory(draft("number " + std::to_string(i) + ' '
                                          + std::string(200, 'x')))
                     .value());
  for (const auto& each : made)
    CHECK(sarah.get_memory(each.id).value() == each);
  CHECK(contents(sarah).size() == 30);
  CHECK(sarah.search_memories({.query = "number", .limit = 30})->results.size()
        == 30);
  memory_patch patch;
  patch.memory_type = "changed";
  CHECK(sarah.update_memory(made[0].id, patch)->content == made[0].content);
  CHECK(sarah.delete_memory(made[1].id).has_value());
  CHECK(sarah.search_memories({.query = "number", .limit = 50})->results.size()
        == 29);
}
