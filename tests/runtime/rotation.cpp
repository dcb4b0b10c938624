// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <thread>

#include <catch2/catch.hpp>

#include "persistence/rotation.hpp"
#include "runtime/open_parts.hpp"
#include "runtime/rotation_impl.hpp"
#include "tests/support/test_node.hpp"

using namespace cloister;
using namespace cloister::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* rotation_path = "/data/rotation";

/// A store with some organizations, one of which was erased.
struct rotated {
  test_node node;
  std::optional<runtime> opened{node.open_or_fail()};
  crypto::secret_key former = node.master();
  crypto::secret_key next = crypto::secret_key::random();

  rotated() {
    for (auto name : {"org_a", "org_b", "org_c", "org_gone"})
      opened->organization(name)
        ->client("user_x")
        ->create_memory(draft(name))
        .value();
    opened->erase_organization("org_gone", 0ms).value();
  }

  result<void> rotate() {
    return rotate_to(runtime_access::parts(*opened), next.duplicate(), {});
  }

  void close() {
    opened.reset();
  }
};

result<runtime> open_with(const test_node& node,
                          std::shared_ptr<simulated_file_system> files,
                          const crypto::secret_key& key) {
  test_node other{node, std::move(files)};
  other.give_master(key);
  return other.open();
}

bool has_all(const runtime& in) {
  for (auto name : {"org_a", "org_b", "org_c"}) {
    auto org = in.existing_organization(name);
    if (org.has_error()
        || org->client("user_x")->list_memories()->results.size() != 1)
      return false;
  }
  CHECK(eventually([&] { return has_finished_erasures(in); }));
  CHECK(in.existing_organization("org_gone").error().code == errc::erased);
  CHECK(in.verify_all()->reason.empty());
  auto damages = damages_of(in);
  CHECK(damages == "");
  return in.verify_all()->intact && damages.empty();
}

} // namespace

TEST_CASE("a master key is rotated while the store is used",
          "[runtime][rotation]") {
  rotated all;
  std::atomic<bool> ended{false};
  std::atomic<int> made{0};
  std::thread writer{[&] {
    for (int i = 0; !ended; ++i) {
      auto name = "org_new_" + std::to_string(i);
      auto org = all.opened->organization(name);
      if (org && org->client("user_x")->create_memory(draft("x")))
        ++made;
      if (i % 3 == 0)
        static_cast<void>(all.opened->erase_organization(name, 0ms));
    }
  }};
  CHECK(eventually([&] { return made > 0; }));
  for (int round = 0; round < 3; ++round) {
    CHECK(all.rotate().has_value());
    all.former = std::move(all.next);
    all.next = crypto::secret_key::random();
  }
  ended = true;
  writer.join();
  CHECK(has_all(*all.opened));
  CHECK_FALSE(all.node.files->exists(rotation_path));
  all.close();
  // The newest opens it, and no other.
  CHECK(all.node.open().error().code == errc::sealed);
  auto again = open_with(all.node, all.node.files, all.former);
  REQUIRE(again.has_value());
  CHECK(has_all(*again));
  auto trail = again->list_node_audit({.operation = "store.rotate-master-key"});
  CHECK(trail->results.size() == 6);
}

TEST_CASE("a rotation that is interrupted anywhere goes on with either key",
          "[runtime][rotation][faults]") {
  bool happened = true;
  for (std::uint64_t call = 1; happened; call += long_mode() ? 1 : 3) {
    INFO("call " << call);
    rotated all;
    all.node.files->plan(call, fault::power_loss);
    auto done = all.rotate();
    happened = all.node.files->fault_happened();
    auto files = all.node.files->after_power_loss();
    all.close();
    int refused = 0;
    for (auto key : {&all.former, &all.next}) {
      auto copy = files->after_kill();
      auto opened = open_with(all.node, copy, *key);
      // Not begun, or finished: then one of them is none.
      if (opened.has_error()) {
        CHECK(opened.error().code == errc::sealed);
        CHECK_FALSE(
          persistence::read_rotation(*files, rotation_path)->has_value());
        ++refused;
        continue;
      }
      CHECK(has_all(*opened));
      CHECK_FALSE(copy->exists(rotation_path));
      auto went_on
        = runtime_access::parts(*opened).store.node->master->version();
      opened = error{};
      auto now
        = open_with(all.node, copy, went_on == 2 ? all.next : all.former);
      CHECK(now.has_value());
      auto other = open_with(all.node, copy->after_kill(),
                             went_on == 2 ? all.former : all.next);
      CHECK(other.error().code == errc::sealed);
    }
    CHECK(refused <= 1);
  }
}

TEST_CASE("what is destroyed while keys are wrapped anew stays destroyed",
          "[persistence][rotation]") {
  auto files = std::make_shared<simulated_file_system>();
  auto slots = persistence::key_slots::open(files, "/keys").value();
  persistence::master_keys master{crypto::secret_key::random(), 1};
  persistence::scope_tag owner{1};
  auto keys = persistence::scope_keys::random();
  std::vector<persistence::slot_write> first{
    persistence::wrapped_slot(*master.newest().first, 0, owner, 1, keys)};
  REQUIRE(slots->allocate().value() == 0);
  REQUIRE(slots->write(first).has_value());
  master.begin(crypto::secret_key::random());
  persistence::write_batch batch;
  CHECK(persistence::rewrap_some(*slots, master, 10, batch).value() == 1);
  std::vector<persistence::slot_write> writes{{0, owner, {}, 0, 0}};
  SECTION("before") {
    REQUIRE(slots->write(writes).has_value());
    REQUIRE(slots->write(batch.slots()).has_value());
  }
  SECTION("in the same commit") {
    writes.push_back(batch.slots().front());
    REQUIRE(slots->write(writes).has_value());
  }
  SECTION("after") {
    writes.insert(writes.begin(), batch.slots().front());
    REQUIRE(slots->write(writes).has_value());
  }
  CHECK(slots->read(0).error().code == errc::erased);
}
