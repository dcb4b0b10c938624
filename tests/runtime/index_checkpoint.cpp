// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;

namespace {

/// A scope of a hundred memories, in a node that makes checkpoints of such.
struct checkpointed {
  test_node node;
  std::optional<runtime> opened;

  checkpointed() {
    node.options.checkpoint_documents_min = 50;
    wake();
    std::vector<memory_draft> drafts;
    for (int i = 0; i < 100; ++i)
      drafts.push_back(draft("tea number " + std::to_string(i) + " of "
                             + std::to_string(i % 7) + " kinds"));
    user().create_memories(drafts).value();
  }

  void wake() {
    opened.reset();
    opened = node.open_or_fail();
  }

  client user() const {
    return opened->organization("org_acme")->client("user_a").value();
  }

  std::size_t parts() const {
    auto& inside = runtime_access::parts(*opened);
    auto found = inside.gateway->services().catalog.find(
      scope::parse("org_acme/user_a").value());
    std::size_t count = 0;
    auto range
      = found->exact->space().range(persistence::record_kind::checkpoint);
    CHECK(inside.store.records
            ->scan(range, {},
                   [&](bytes_view, bytes_view) {
                     ++count;
                     return true;
                   })
            .has_value());
    return count;
  }

  std::vector<std::pair<std::string, float>> hits() const {
    std::vector<std::pair<std::string, float>> out;
    auto found
      = user().search_memories({.query = "tea number 7 kinds", .limit = 1000});
    for (const auto& hit : found.value().results)
      out.emplace_back(hit.memory.content, hit.score);
    return out;
  }
};

} // namespace

TEST_CASE("a scope that sleeps leaves a checkpoint, and wakes as it was",
          "[runtime][search]") {
  checkpointed all;
  auto before = all.hits();
  CHECK(all.parts() == 0);
  all.wake();
  CHECK(all.parts() > 0);
  CHECK(all.hits() == before);
  SECTION("with what came since") {
    all.user().create_memory(draft("tea number 7 again")).value();
    auto more = all.hits();
    CHECK(more.size() == before.size() + 1);
    all.wake();
    CHECK(all.hits() == more);
    CHECK(all.parts() > 0);
  }
  SECTION("with another language") {
    all.opened->organization("org_acme")
      ->configure({.search_language = language::german})
      .value();
    auto german = all.hits();
    all.wake();
    CHECK(all.hits() == german);
  }
}

TEST_CASE("a checkpoint goes with the first memory that goes",
          "[runtime][search]") {
  checkpointed all;
  all.wake();
  REQUIRE(all.parts() > 0);
  auto some = all.user().list_memories({.limit = 1}).value().results[0].memory;
  SECTION("deleted") {
    all.user().delete_memory(some.id).value();
  }
  SECTION("changed") {
    memory_patch patch;
    patch.content = "coffee";
    all.user().update_memory(some.id, patch).value();
  }
  SECTION("all of them") {
    all.user().delete_all_memories().value();
  }
  CHECK(all.parts() == 0);
  auto before = all.hits();
  all.wake();
  CHECK(all.hits() == before);
}

TEST_CASE("a checkpoint that is wrong is none", "[runtime][search]") {
  checkpointed all;
  auto before = all.hits();
  all.wake();
  REQUIRE(all.parts() > 0);
  auto& inside = runtime_access::parts(*all.opened);
  auto found = inside.gateway->services().catalog.find(
    scope::parse("org_acme/user_a").value());
  auto key = found->exact->space().key(persistence::record_kind::checkpoint,
                                       std::uint64_t{0});
  auto batch = std::make_shared<persistence::write_batch>();
  SECTION("gone") {
    batch->erase(key);
  }
  SECTION("damaged") {
    auto value = **inside.store.records->get(key);
    value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 1);
    batch->put(key, value);
  }
  batch->set_generation(inside.store.records->generation());
  std::vector<std::shared_ptr<persistence::write_batch>> batches{batch};
  REQUIRE(inside.store.records->write(batches).has_value());
  all.wake();
  CHECK(all.hits() == before);
  CHECK(all.user().create_memory(draft("more")).has_value());
}

TEST_CASE("an index outlives its checkpoint exactly", "[runtime][search]") {
  checkpointed all;
  all.wake();
  // Changes, sleeps and wakes in turn; what is found must not depend on it.
  test_node plain;
  auto never = plain.open_or_fail();
  auto twin = never.organization("org_acme")->client("user_a").value();
  std::vector<memory_draft> drafts;
  for (int i = 0; i < 100; ++i)
    drafts.push_back(draft("tea number " + std::to_string(i) + " of "
                           + std::to_string(i % 7) + " kinds"));
  twin.create_memories(drafts).value();
  for (int round = 0; round < 12; ++round) {
    for (const auto& user : {all.user(), twin}) {
      for (int i = 0; i < 20; ++i)
        user.create_memory(draft("tea " + std::to_string(round * i))).value();
      if (round % 3 == 2) {
        auto some = user.list_memories({.limit = 50}).value();
        for (int i = 0; i < 30; ++i)
          user
            .delete_memory(some.results[static_cast<std::size_t>(i)].memory.id)
            .value();
      }
    }
    all.wake();
    auto found = all.hits();
    auto expected
      = twin.search_memories({.query = "tea number 7 kinds", .limit = 1000});
    REQUIRE(found.size() == expected->results.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i].first == expected->results[i].memory.content);
      CHECK(found[i].second == expected->results[i].score);
    }
  }
}
