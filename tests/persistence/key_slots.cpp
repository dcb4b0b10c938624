// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/key_slots.hpp"

#include <random>

#include <catch2/catch.hpp>

#include "tests/support/simulated_file_system.hpp"

using namespace cloister;
using namespace cloister::persistence;
using test::simulated_file_system;

namespace {

slot_write used(std::uint64_t slot, std::string wrapped) {
  return {slot, scope_tag{1, 2, 3}, std::move(wrapped), 1, 1};
}

std::unique_ptr<key_slots>
open(const std::shared_ptr<simulated_file_system>& files) {
  return key_slots::open(files, "/d/keys").value();
}

} // namespace

TEST_CASE("slots are found again and handed out in order", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto slots = open(files);
  for (std::uint64_t i = 0; i < 40; ++i) {
    REQUIRE(slots->allocate().value() == i);
    std::vector<slot_write> writes{used(i, "key " + std::to_string(i))};
    REQUIRE(slots->write(writes).has_value());
  }
  slots = open(files->after_power_loss());
  CHECK(slots->capacity() == 40);
  CHECK(slots->read(17)->wrapped == "key 17");
  CHECK(slots->allocate().value() == 40);
}

TEST_CASE("a destroyed slot is gone from both copies and handed out again",
          "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto slots = open(files);
  std::vector<slot_write> writes{used(0, "secret wrapping"), used(1, "other")};
  slots->allocate().value();
  slots->allocate().value();
  slots->write(writes).value();
  std::vector<slot_write> destroy{{0, scope_tag{1, 2, 3}, {}, 0, 0}};
  slots->write(destroy).value();
  CHECK(slots->read(0).error().code == errc::erased);
  CHECK(files->content("/d/keys").find("secret wrapping") == std::string::npos);
  slots = open(files->after_power_loss());
  CHECK(slots->allocate().value() == 0);
}

TEST_CASE("a slot is destroyed once, and by its owner alone", "[persistence]") {
  auto slots = open(std::make_shared<simulated_file_system>());
  REQUIRE(slots->allocate().value() == 0);
  std::vector<slot_write> writes{used(0, "first")};
  slots->write(writes).value();
  std::vector<slot_write> foreign{{0, scope_tag{9}, {}, 0, 0}};
  slots->write(foreign).value();
  CHECK(slots->read(0)->wrapped == "first");
  // Twice at once, and again later: it is handed out once.
  std::vector<slot_write> destroy(2, {0, scope_tag{1, 2, 3}, {}, 0, 0});
  slots->write(destroy).value();
  CHECK(slots->read(0).error().code == errc::erased);
  slots->write(destroy).value();
  CHECK(slots->allocate().value() == 0);
  CHECK(slots->allocate().value() == 1);
  std::vector<slot_write> next{{0, scope_tag{9}, "second", 1, 1}};
  slots->write(next).value();
  slots->write(destroy).value();
  CHECK(slots->read(0)->wrapped == "second");
  // In one go with whoever has it next, too.
  std::vector<slot_write> again{{0, scope_tag{9}, {}, 0, 0}};
  slots->write(again).value();
  CHECK(slots->allocate().value() == 0);
  std::vector<slot_write> both{{0, scope_tag{5}, "third", 1, 1}, again[0]};
  slots->write(both).value();
  CHECK(slots->read(0)->wrapped == "third");
}

TEST_CASE("a first copy that was wiped does not count as destroyed",
          "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto slots = open(files);
  slots->allocate().value();
  std::vector<slot_write> writes{used(0, "wrapped")};
  slots->write(writes).value();
  auto file = files->open_random("/d/keys", open_mode::read_write).value();
  file->write(4096, bytes(256, '\0')).value();
  auto again = open(files);
  CHECK(again->read(0)->wrapped == "wrapped");
  CHECK_FALSE(again->read(0)->both_copies);
  CHECK(again->allocate().value() == 1);
}

TEST_CASE("a destroyed key does not come back when its slot is used again",
          "[persistence]") {
  // Interrupted at each call, of the destruction and of the reuse.
  for (std::uint64_t call = 1; call < 8; ++call) {
    auto files = std::make_shared<simulated_file_system>();
    auto slots = open(files);
    slots->allocate().value();
    for (int i = 0; i < 3; ++i) {
      std::vector<slot_write> writes{used(0, "first")};
      slots->write(writes).value();
    }
    files->plan(call, test::fault::fail);
    std::vector<slot_write> destroy{{0, scope_tag{1, 2, 3}, {}, 0, 0}};
    auto destroyed = slots->write(destroy);
    std::vector<slot_write> reuse{used(0, "second")};
    auto reused = slots->write(reuse);
    auto found = open(files->after_kill())->read(0);
    INFO("call " << call);
    if (reused)
      CHECK(found->wrapped == "second");
    else if (destroyed)
      CHECK((found.has_error() || found->wrapped == "second"));
  }
}

TEST_CASE("a file of keys that is none is refused", "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  open(files);
  files->flip("/d/keys", 3, 1);
  CHECK(key_slots::open(files, "/d/keys").error().code == errc::corrupted);
}

TEST_CASE("any flipped bit in one copy is served by the other",
          "[persistence]") {
  auto files = std::make_shared<simulated_file_system>();
  auto slots = open(files);
  slots->allocate().value();
  std::vector<slot_write> writes{used(0, "wrapped")};
  slots->write(writes).value();
  for (std::size_t copy : {std::size_t{4096}, std::size_t{8192}})
    for (std::size_t i = 0; i < 256 * 8; i += 7) {
      files->flip("/d/keys", copy + i / 8, static_cast<int>(i % 8));
      auto found = slots->read(0);
      REQUIRE(found.has_value());
      CHECK(found->wrapped == "wrapped");
      CHECK_FALSE(found->both_copies);
      files->flip("/d/keys", copy + i / 8, static_cast<int>(i % 8));
    }
  files->flip("/d/keys", 4096 + 50, 1);
  slots->mend(0).value();
  CHECK(slots->read(0)->both_copies);
  files->flip("/d/keys", 4096 + 50, 1);
  files->flip("/d/keys", 8192 + 60, 1);
  CHECK(slots->read(0).error().code == errc::corrupted);
}

TEST_CASE("whatever call fails, a slot has its old or its new key",
          "[persistence]") {
  for (auto what :
       {test::fault::fail, test::fault::tear, test::fault::power_loss})
    for (std::uint64_t call = 1; call < 8; ++call) {
      auto files = std::make_shared<simulated_file_system>();
      auto slots = open(files);
      slots->allocate().value();
      std::vector<slot_write> first{used(0, "old")};
      slots->write(first).value();
      files->plan(call, what);
      std::vector<slot_write> second{used(0, "new")};
      auto done = slots->write(second);
      auto after = what == test::fault::power_loss ? files->after_power_loss()
                                                   : files->after_kill();
      auto found = open(after)->read(0);
      INFO("call " << call);
      REQUIRE(found.has_value());
      CHECK((found->wrapped == "new" || (!done && found->wrapped == "old")));
    }
}

TEST_CASE("however slots are counted while they change, as many are in use as "
          "are found",
          "[persistence]") {
  std::mt19937_64 random{23};
  auto files = std::make_shared<simulated_file_system>();
  auto slots = open(files);
  std::vector<std::uint64_t> taken;
  for (int step = 0; step < 2'000; ++step) {
    auto what = random() % 20;
    if (what < 8) {
      taken.push_back(slots->allocate().value());
      std::vector<slot_write> writes{used(taken.back(), "key")};
      static_cast<void>(slots->write(writes));
    } else if (what < 14 && !taken.empty()) {
      auto slot = taken[random() % taken.size()];
      std::vector<slot_write> writes{used(slot, "another")};
      if (what < 12)
        writes = {{slot, scope_tag{1, 2, 3}, {}, 0, 0}};
      static_cast<void>(slots->write(writes));
    } else if (what < 17) {
      static_cast<void>(slots->count_some(random() % 5));
    } else if (what == 17) {
      files->plan(1 + random() % 4, test::fault::fail);
    } else if (what == 18) {
      files = files->after_kill();
      slots = open(files);
    } else {
      files->plan(0, test::fault::fail);
      while (!slots->used())
        REQUIRE(slots->count_some(3).has_value());
      CHECK(slots->used() == slots->all_used()->size());
    }
  }
}
